//! Raw files of any size whose truth is known, so that the whole way from raw bytes to AUC can be run and measured.

use std::io::Write;
use std::ops::Range;
use std::path::Path;

use rayon::prelude::*;

use ple_files::write_whole;

use super::files::{RawFiles, RawPart};
use super::generated_rows::RawRows;
use crate::ali_ccp::Vocabulary;
use crate::error::DataError;

/// What raw files to generate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawGeneratorConfig {
    /// The rows of the training part.
    pub rows: u64,
    /// The rows of the test part.
    pub test_rows: u64,
    /// The users of the training part; those of the test part are others, and in proportion.
    pub users: u64,
    /// How many common features a user has on average; at least 13.
    pub features_per_user: usize,
    /// The sizes of the vocabularies.
    pub vocabulary: Vocabulary,
    /// Everything is a function of this configuration.
    pub seed: u64,
}

/// What was generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneratedRaw {
    /// The training part.
    pub train: GeneratedRawPart,
    /// The test part.
    pub test: GeneratedRawPart,
}

/// What one part of generated files holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GeneratedRawPart {
    /// Lines of the skeleton.
    pub rows: u64,
    /// Lines of the common features.
    pub users: u64,
    /// Rows with a click.
    pub clicks: u64,
    /// Rows with a purchase after a click.
    pub purchases: u64,
    /// Rows with a purchase and no click, which preparation drops.
    pub purchases_without_click: u64,
    /// The size of both files.
    pub bytes: u64,
}

impl RawGeneratorConfig {
    /// The rows of a part.
    pub(super) fn rows_of(&self, part: RawPart) -> u64 {
        match part {
            RawPart::Train => self.rows,
            RawPart::Test => self.test_rows,
        }
    }

    /// The users of a part: at least one, and no more than rows.
    pub(super) fn users_of(&self, part: RawPart) -> u64 {
        let users = match part {
            RawPart::Train => self.users,
            RawPart::Test => {
                (u128::from(self.users) * u128::from(self.test_rows) / u128::from(self.rows.max(1))) as u64
            }
        };
        users.min(self.rows_of(part)).max(1)
    }
}

/// Writes the four raw files of Ali-CCP into a folder, each whole or not at all, in memory that does not grow with them.
///
/// Rows are grouped by user, as the real ones are. What belongs to the user (`101`, `121` to `129`, and the weighted lists
/// `109_14`, `110_14`, `127_14` and `150_14`) stands among the common features, the rest in the skeleton, `210` with one to
/// four ids. The labels follow the truth of [`generate`](crate::generate): a dense value of it is a fifth of the last
/// value of the field. Where `508`, `509`, `702` or `853` would have the value 0, the feature is left out.
///
/// # Errors
///
/// [`DataError::File`] where a file cannot be written.
///
/// # Examples
///
/// ```
/// use ple_data::ali_ccp_raw::{RawFiles, RawGeneratorConfig, RawPart, generate_ali_ccp};
/// use ple_data::Vocabulary;
///
/// let folder = tempfile::tempdir()?;
/// let config = RawGeneratorConfig {
///     rows: 200,
///     test_rows: 100,
///     users: 10,
///     features_per_user: 40,
///     vocabulary: Vocabulary::Small,
///     seed: 2020,
/// };
/// let generated = generate_ali_ccp(&config, folder.path())?;
/// assert_eq!((generated.train.rows, generated.test.users), (200, 5));
/// let skeleton = std::fs::read(RawFiles::in_folder(folder.path()).skeleton(RawPart::Train))?;
/// assert_eq!(skeleton.iter().filter(|&&byte| byte == b'\n').count(), 200);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn generate_ali_ccp(config: &RawGeneratorConfig, folder: &Path) -> Result<GeneratedRaw, DataError> {
    let files = RawFiles::in_folder(folder);
    let part = |part: RawPart| -> Result<GeneratedRawPart, DataError> {
        let rows = RawRows::new(config, part);
        let mut counts = GeneratedRawPart { users: config.users_of(part), ..GeneratedRawPart::default() };
        write_whole(&files.common_features(part), |file| {
            write_pieces(file, counts.users, USERS_AT_A_TIME, |users| {
                let mut piece = Piece::default();
                users.for_each(|user| rows.push_common_line(user, &mut piece.lines));
                piece
            })
            .map(|more| counts.add(&more))
        })?;
        write_whole(&files.skeleton(part), |file| {
            write_pieces(file, config.rows_of(part), ROWS_AT_A_TIME, |range| {
                let mut piece = Piece::default();
                let (lines, counts) = (&mut piece.lines, &mut piece.counts);
                rows.push_skeleton_lines(range, lines, |labels| {
                    counts.rows += 1;
                    counts.clicks += u64::from(labels.click);
                    counts.purchases += u64::from(labels.purchase && labels.click);
                    counts.purchases_without_click += u64::from(labels.purchase && !labels.click);
                });
                piece
            })
            .map(|more| counts.add(&more))
        })?;
        Ok(counts)
    };
    Ok(GeneratedRaw { train: part(RawPart::Train)?, test: part(RawPart::Test)? })
}

/// Users whose lines are made at a time.
const USERS_AT_A_TIME: u64 = 128;
/// Rows whose lines are made at a time.
const ROWS_AT_A_TIME: u64 = 8192;

/// Some lines, and what is in them.
#[derive(Default)]
struct Piece {
    lines: Vec<u8>,
    counts: GeneratedRawPart,
}

impl GeneratedRawPart {
    fn add(&mut self, more: &GeneratedRawPart) {
        self.rows += more.rows;
        self.clicks += more.clicks;
        self.purchases += more.purchases;
        self.purchases_without_click += more.purchases_without_click;
        self.bytes += more.bytes;
    }
}

/// Makes the lines of `0..total` in pieces, some of them at a time in parallel, and writes them in order.
fn write_pieces(
    file: &mut impl Write,
    total: u64,
    at_a_time: u64,
    make: impl Fn(Range<u64>) -> Piece + Sync,
) -> std::io::Result<GeneratedRawPart> {
    let mut counts = GeneratedRawPart::default();
    let n_pieces = total.div_ceil(at_a_time);
    let wave = 4 * rayon::current_num_threads() as u64;
    for first in (0..n_pieces).step_by(wave as usize) {
        let range = |piece: u64| piece * at_a_time..((piece + 1) * at_a_time).min(total);
        let pieces: Vec<Piece> =
            (first..(first + wave).min(n_pieces)).into_par_iter().map(|piece| make(range(piece))).collect();
        for piece in pieces {
            file.write_all(&piece.lines)?;
            counts.add(&piece.counts);
            counts.bytes += piece.lines.len() as u64;
        }
    }
    Ok(counts)
}
