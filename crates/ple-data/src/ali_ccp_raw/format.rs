//! The bytes between features and inside them, and which of Ali-CCP's fields hold what.

/// Between two features of a list.
pub(super) const FEATURE_SEPARATOR: u8 = 1;
/// After the name of a feature's field.
pub(super) const ID_SEPARATOR: u8 = 2;
/// Before the value of a feature.
pub(super) const VALUE_SEPARATOR: u8 = 3;

/// Where a field of [`ALI_CCP_SPARSE`](crate::ALI_CCP_SPARSE) stands in the published files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// With the common features.
    Common,
    /// In the skeleton.
    Skeleton,
}

/// Where each field of [`ALI_CCP_SPARSE`](crate::ALI_CCP_SPARSE) stands: what says who the user is, and what the user
/// did in the 14 days before, is with the common features.
pub(super) fn home(field: &str) -> Home {
    match field.ends_with("_14") || field.starts_with('1') {
        true => Home::Common,
        false => Home::Skeleton,
    }
}
