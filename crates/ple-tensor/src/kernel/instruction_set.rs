//! The instruction sets that have kernels of their own: found once, when the first kernel runs. The same seed gives the
//! same bytes for any number of threads; AVX2 and AVX-512 give the same bytes, the portable instruction set its own.

use std::fmt;
use std::sync::OnceLock;

use strsim::osa_distance;

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

    /// The set that the environment variable [`INSTRUCTION_SET_VARIABLE`] asks for (`portable`, `avx2` or `avx512`), to
    /// compare sets or to repeat the bytes of a narrower machine; the detected one where it is not set or empty. A program
    /// calls this before anything else, since [`InstructionSet::in_use`] has no way to refuse.
    ///
    /// # Errors
    /// A name that is none, or the name of a set that this processor lacks.
    pub fn requested() -> Result<Self, InstructionSetError> {
        let wanted = std::env::var_os(INSTRUCTION_SET_VARIABLE).unwrap_or_default();
        Self::by_name(&wanted.to_string_lossy(), Self::detected())
    }

    /// The set of that name on a processor whose widest set is `detected`.
    fn by_name(wanted: &str, detected: Self) -> Result<Self, InstructionSetError> {
        if wanted.is_empty() {
            return Ok(detected);
        }
        match Self::ALL.into_iter().find(|set| set.name() == wanted) {
            Some(set) if set <= detected => Ok(set),
            Some(wanted) => Err(InstructionSetError::Absent { wanted, detected }),
            None => Err(InstructionSetError::Unknown { wanted: wanted.to_owned(), detected }),
        }
    }

    /// The set that kernels use: the one requested, or the detected one where what is requested cannot be used.
    pub fn in_use() -> Self {
        static IN_USE: OnceLock<InstructionSet> = OnceLock::new();
        *IN_USE.get_or_init(|| Self::requested().unwrap_or_else(|_| Self::detected()))
    }

    /// The set's name: `portable`, `avx2` or `avx512`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }
}

/// The environment variable that names an instruction set narrower than the processor's.
pub const INSTRUCTION_SET_VARIABLE: &str = "PLE_INSTRUCTION_SET";

/// Why an instruction set cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstructionSetError {
    /// The name is no set's.
    #[error(
        "PLE_INSTRUCTION_SET names no instruction set: `{}`{}\nexpected: {}\n{NEXT}",
        wanted.escape_debug(),
        nearest(wanted),
        names(*detected)
    )]
    Unknown {
        /// What was asked for.
        wanted: String,
        /// The widest set of this processor.
        detected: InstructionSet,
    },
    /// The processor lacks the set.
    #[error(
        "PLE_INSTRUCTION_SET names `{}`, which this processor lacks\nexpected: {}\n{NEXT}",
        wanted.name(),
        names(*detected)
    )]
    Absent {
        /// What was asked for.
        wanted: InstructionSet,
        /// The widest set of this processor.
        detected: InstructionSet,
    },
}

const NEXT: &str = "next: correct the name, or unset PLE_INSTRUCTION_SET to use the widest";

/// The names of the sets up to the widest of a processor.
fn names(detected: InstructionSet) -> String {
    let sets = InstructionSet::ALL.into_iter().filter(|&set| set <= detected);
    sets.map(InstructionSet::name).collect::<Vec<_>>().join(", ")
}

/// The nearest name, if a letter or two lead to it.
fn nearest(wanted: &str) -> String {
    let wanted = wanted.to_lowercase();
    let names = InstructionSet::ALL.map(|set| (osa_distance(&wanted, set.name()), set.name()));
    match names.into_iter().min() {
        Some((edits, name)) if edits <= 2 => format!(" (nearest: `{name}`)"),
        _ => String::new(),
    }
}

impl fmt::Display for InstructionSet {
    /// The processor's architecture and the set, as in `x86_64 avx2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", std::env::consts::ARCH, self.name())
    }
}

/// Compiles a function once for each instruction set, and calls the one in use. The source is one, and so is the order
/// of operations: the bits of such a function are the same in vectors of any width.
macro_rules! multiversion {
    ($(#[$attribute:meta])* $visibility:vis fn $name:ident $(<$generic:ident: $bound:path>)? ($($argument:ident: $type:ty),* $(,)?) $(-> $result:ty)? $body:block) => {
        $(#[$attribute])*
        #[allow(unsafe_code, reason = "a call of code for an instruction set that the processor has")]
        $visibility fn $name$(<$generic: $bound>)?($($argument: $type),*) $(-> $result)? {
            #[inline(always)]
            fn portable$(<$generic: $bound>)?($($argument: $type),*) $(-> $result)? $body
            #[cfg(target_arch = "x86_64")]
            {
                use $crate::kernel::instruction_set::InstructionSet;

                #[target_feature(enable = "avx2,fma")]
                fn avx2$(<$generic: $bound>)?($($argument: $type),*) $(-> $result)? {
                    portable($($argument),*)
                }
                #[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
                fn avx512$(<$generic: $bound>)?($($argument: $type),*) $(-> $result)? {
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

#[cfg(test)]
mod tests {
    use super::InstructionSet::{self, Avx2, Avx512, Portable};

    fn refused(wanted: &str, detected: InstructionSet) -> String {
        InstructionSet::by_name(wanted, detected).unwrap_err().to_string()
    }

    #[test]
    fn a_set_up_to_the_widest_is_found_by_its_name() {
        for detected in InstructionSet::ALL {
            assert_eq!(InstructionSet::by_name("", detected), Ok(detected));
            for set in InstructionSet::ALL {
                assert_eq!(InstructionSet::by_name(set.name(), detected).is_ok(), set <= detected);
            }
        }
        assert_eq!(InstructionSet::by_name("avx2", Avx512), Ok(Avx2));
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_the_nearest() {
        assert_eq!(
            refused("axv2", Avx512),
            "PLE_INSTRUCTION_SET names no instruction set: `axv2` (nearest: `avx2`)\n\
             expected: portable, avx2, avx512\n\
             next: correct the name, or unset PLE_INSTRUCTION_SET to use the widest"
        );
        assert!(refused("AVX512", Avx512).contains("nearest: `avx512`"));
        assert!(refused("neon\u{1b}[31m", Portable).starts_with(
            "PLE_INSTRUCTION_SET names no instruction set: `neon\\u{1b}[31m`\nexpected: portable\n"
        ));
    }

    #[test]
    fn a_set_that_the_processor_lacks_is_refused() {
        assert_eq!(
            refused("avx512", Avx2),
            "PLE_INSTRUCTION_SET names `avx512`, which this processor lacks\n\
             expected: portable, avx2\n\
             next: correct the name, or unset PLE_INSTRUCTION_SET to use the widest"
        );
    }
}
