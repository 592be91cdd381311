//! Things of a list that configurations name: `NAME`, or `NAME@SETTINGS` where the settings are not the defaults.

use serde::de;

use crate::error::TrainError;

/// A type whose values are written by name.
pub(crate) trait Named: Sized {
    /// What it is, as messages say it: `loss`.
    const KIND: &'static str;

    /// Every one, with the defaults of its settings.
    fn known() -> Vec<Self>;

    /// The name without settings.
    fn word(&self) -> &'static str;

    /// What stands after the `@`; nothing where the settings are the defaults.
    fn written_settings(&self) -> Option<String>;

    /// The same one with the settings after the `@`, or what was expected of them.
    fn configured(self, settings: Option<&str>) -> Result<Self, &'static str>;

    /// The refusal of a name that is not known.
    fn unknown(found: String) -> TrainError;
}

/// The name, and after an `@` the settings that are not the defaults.
pub(crate) fn written<T: Named>(value: &T) -> String {
    match value.written_settings() {
        Some(settings) => format!("{}@{settings}", value.word()),
        None => value.word().to_owned(),
    }
}

/// Reads a name, with or without settings.
pub(crate) fn read<T: Named>(text: &str) -> Result<T, TrainError> {
    let (name, settings) = text.split_once('@').map_or((text, None), |(name, rest)| (name, Some(rest)));
    let Some(named) = T::known().into_iter().find(|known| known.word() == name) else {
        return Err(T::unknown(name.to_owned()));
    };
    named.configured(settings).map_err(|expected| TrainError::Setting {
        setting: format!("the {} `{name}`", T::KIND),
        found: format!("`{text}`"),
        expected: expected.to_owned(),
    })
}

/// Reads the same for serde. An unknown name is said as serde says it of an enum, since the messages of settings and manifests
/// look for the nearest name in it.
pub(crate) fn deserialized<T: Named, E: de::Error>(text: &str) -> Result<T, E> {
    read(text).map_err(|error| match error {
        TrainError::Setting { expected, .. } => {
            E::custom(format!("invalid value `{text}`, expected {expected}"))
        }
        _ => {
            let name = text.split('@').next().unwrap_or_default();
            let known: Vec<_> = T::known().iter().map(|known| format!("`{}`", known.word())).collect();
            E::custom(format!("unknown variant `{name}`, expected one of {}", known.join(", ")))
        }
    })
}

/// Gives a [`Named`] type its text: `Display`, `FromStr` and both ways of serde.
macro_rules! text_of_named {
    ($type:ty) => {
        /// The name, and after an `@` the settings that are not the defaults.
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&$crate::named::written(self))
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::error::TrainError;

            /// Reads a name, with or without settings.
            ///
            /// # Errors
            ///
            /// A name that is not known, with the nearest one and all known ones;
            /// [`TrainError::Setting`](crate::TrainError::Setting) for settings that it does not have.
            fn from_str(text: &str) -> Result<Self, $crate::error::TrainError> {
                $crate::named::read(text)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                $crate::named::deserialized(&text)
            }
        }
    };
}

pub(crate) use text_of_named;
