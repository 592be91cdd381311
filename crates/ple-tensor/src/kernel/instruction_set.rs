//! The instruction sets that have kernels of their own: found once, when the first kernel runs.

use std::fmt;
use std::sync::OnceLock;

/// What the kernels are compiled for, from the narrowest vectors to the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// What every processor of the target has.
    Portable,
    /// AVX2 with FMA: most x86-64 processors since 2013.
    Avx2,
    /// The F, BW, DQ and VL parts of AVX-512, with AVX2 and FMA.
    Avx512,
}

impl InstructionSet {
    /// All sets, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Portable, Self::Avx2, Self::Avx512];

    /// The widest set that this processor has.
    pub fn detected() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            use std::is_x86_feature_detected as has;
            if has!("avx2") && has!("fma") {
                let wide = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
                return if wide { Self::Avx512 } else { Self::Avx2 };
            }
        }
        Self::Portable
    }

    /// The set in use: the detected one, or a narrower one that the environment variable `PLE_INSTRUCTION_SET` names
    /// (`portable`, `avx2` or `avx512`), to compare sets or to repeat the bytes of a narrower machine. A set that the
    /// processor does not have is never used.
    pub fn in_use() -> Self {
        static IN_USE: OnceLock<InstructionSet> = OnceLock::new();
        *IN_USE.get_or_init(|| {
            let wanted = std::env::var("PLE_INSTRUCTION_SET").unwrap_or_default();
            let named = Self::ALL.into_iter().find(|set| set.name() == wanted);
            named.map_or(Self::detected(), |named| named.min(Self::detected()))
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

impl fmt::Display for InstructionSet {
    /// The processor's architecture and the set, as in `x86_64 avx2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", std::env::consts::ARCH, self.name())
    }
}

/// Compiles a function once for each instruction set, and calls the one in use. The source is one, and so is the order
/// of operations: the bits are the same, in wider vectors.
macro_rules! multiversion {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$attribute])*
        #[allow(unsafe_code, reason = "a call of code for an instruction set that the processor has")]
        $visibility fn $name($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn portable($($argument: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::kernel::instruction_set::InstructionSet;

                #[target_feature(enable = "avx2,fma")]
                fn avx2($($argument: $type),*) $(-> $result)? {
                    portable($($argument),*)
                }
                #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512($($argument: $type),*) $(-> $result)? {
                    portable($($argument),*)
                }
                match InstructionSet::in_use() {
                    // SAFETY: a set in use is one that the processor has.
                    InstructionSet::Avx512 => return unsafe { avx512($($argument),*) },
                    // SAFETY: as above.
                    InstructionSet::Avx2 => return unsafe { avx2($($argument),*) },
                    InstructionSet::Portable => {}
                }
            }
            portable($($argument),*)
        }
    };
}

pub(crate) use multiversion;
