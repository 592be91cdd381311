//! What a generated user and a generated impression hold, and their lines in the raw format.
//!
//! User u and row r are functions of (seed, part, u) and (seed, part, r) alone, so that any stretch of either file can
//! be made by itself.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::files::RawPart;
use super::format::{FEATURE_SEPARATOR, Home, ID_SEPARATOR, VALUE_SEPARATOR, home};
use super::generate::RawGeneratorConfig;
use crate::ali_ccp::{ALI_CCP_DENSE, ALI_CCP_SPARSE};
use crate::generate::{draw_features, pilot_rows, uniform};
use crate::planted::PlantedTruth;

/// What stands in a file for a dense value of 1 in the planted truth, in hundred-thousandths.
const VALUE_OF_ONE: f64 = 500_000.0;
/// One row in so many has a purchase without a click, as some of the real ones have.
const ODD_PURCHASES: u64 = 1 << 17;
/// The fields with lists of ids among the common features, and the share of a user's features that each has.
const HISTORY_SHARES: [(&str, f64); 4] =
    [("109_14", 0.1), ("110_14", 0.35), ("127_14", 0.3), ("150_14", 0.25)];

/// Everything that lines are made from, for one part.
pub(super) struct RawRows {
    sizes: [usize; 23],
    /// The raw id that stands for id 0 of each field.
    first_ids: [u64; 23],
    truth: PlantedTruth,
    key: [u8; 32],
    rows: u64,
    users: u64,
    features_per_user: f64,
}

/// The ids and dense values that a user's or a row's draw gives; only the columns of one home are looked at.
struct Draw {
    ids: Vec<u32>,
    dense: Vec<f32>,
}

/// Labels of a line that was written.
pub(super) struct RowLabels {
    pub(super) click: bool,
    pub(super) purchase: bool,
}

impl RawRows {
    pub(super) fn new(config: &RawGeneratorConfig, part: RawPart) -> Self {
        let sizes = config.vocabulary.sizes();
        let mut next = 1;
        let first_ids = sizes.map(|size| {
            next += size as u64;
            next - size as u64
        });
        let mut key = [0; 32];
        key[..8].copy_from_slice(&config.seed.to_le_bytes());
        key[8..16].copy_from_slice(&u64::from(part == RawPart::Test).to_le_bytes());
        key[16..].copy_from_slice(b"ple-data.raw...1");
        RawRows {
            truth: PlantedTruth::calibrated(&sizes, &pilot_rows(&sizes)),
            sizes,
            first_ids,
            key,
            rows: config.rows_of(part),
            users: config.users_of(part),
            features_per_user: config.features_per_user as f64,
        }
    }

    /// Appends the line of a user's common features.
    pub(super) fn push_common_line(&self, user: u64, line: &mut Vec<u8>) {
        let mut generator = self.generator(STREAM_OF_USERS, user);
        let draw = self.draw(&mut generator);
        self.push_index(user, line);
        // Lists of half to one and a half of what a user has on average, after the fields with one id.
        let listed = (self.features_per_user - N_SINGLE as f64).max(0.0) * (0.5 + uniform(&mut generator));
        let mut lengths = HISTORY_SHARES.map(|(_, share)| (listed * share).round() as usize);
        lengths.iter_mut().for_each(|length| *length = (*length).max(1));
        line.push(b',');
        push_number(line, (N_SINGLE + lengths.iter().sum::<usize>()) as u64);
        line.push(b',');
        let start = line.len();
        for (field, name) in ALI_CCP_SPARSE.iter().enumerate() {
            let history = HISTORY_SHARES.iter().position(|(listed, _)| listed == name);
            match (home(name), history) {
                (Home::Skeleton, _) => {}
                (Home::Common, None) => self.push_feature(line, start, field, draw.ids[field], None),
                (Home::Common, Some(history)) => {
                    for _ in 1..lengths[history] {
                        let size = self.sizes[field] as f64;
                        let id = (size.powf(uniform(&mut generator)) as u32).saturating_sub(1);
                        let value = 20_000 + (generator.next_u32() >> 13);
                        self.push_feature(line, start, field, id, Some(u64::from(value)));
                    }
                    // The last one carries what the truth depends on.
                    let value = f64::from(draw.dense[history]) * VALUE_OF_ONE;
                    self.push_feature(line, start, field, draw.ids[field], Some(value.round() as u64));
                }
            }
        }
        line.push(b'\n');
    }

    /// Appends the lines of some rows and hands the labels of each to `count`.
    pub(super) fn push_skeleton_lines(
        &self,
        rows: std::ops::Range<u64>,
        lines: &mut Vec<u8>,
        mut count: impl FnMut(RowLabels),
    ) {
        let mut user = self.user_of(rows.start);
        let mut common = self.draw(&mut self.generator(STREAM_OF_USERS, user));
        for row in rows {
            while self.first_row(user + 1) <= row {
                user += 1;
                common = self.draw(&mut self.generator(STREAM_OF_USERS, user));
            }
            count(self.push_skeleton_line(row, user, &common, lines));
        }
    }

    fn push_skeleton_line(&self, row: u64, user: u64, common: &Draw, line: &mut Vec<u8>) -> RowLabels {
        let mut generator = self.generator(STREAM_OF_ROWS, row);
        let mut draw = self.draw(&mut generator);
        for (field, name) in ALI_CCP_SPARSE.iter().enumerate() {
            if home(name) == Home::Common {
                draw.ids[field] = common.ids[field];
            }
        }
        draw.dense[..HISTORY_SHARES.len()].copy_from_slice(&common.dense[..HISTORY_SHARES.len()]);
        let truth = self.truth.of(&draw.ids, &draw.dense);
        let click = uniform(&mut generator) < truth.click;
        let purchase = uniform(&mut generator) * truth.click < truth.purchase && click;
        let odd = !click && generator.next_u64().is_multiple_of(ODD_PURCHASES);
        let labels = RowLabels { click, purchase: purchase || odd };

        push_number(line, row + 1);
        line.extend_from_slice(if labels.click { b",1" } else { b",0" });
        line.extend_from_slice(if labels.purchase { b",1," } else { b",0," });
        self.push_index(user, line);
        let listed = 1 + generator.next_u32() % 4;
        // The number of features is known when they are there, so they are written beside it first.
        let mut features = Vec::with_capacity(256);
        let mut count = 0;
        for (field, name) in
            ALI_CCP_SPARSE.iter().enumerate().filter(|(_, name)| home(name) == Home::Skeleton)
        {
            let dense = ALI_CCP_DENSE.iter().position(|column| &column[1..] == *name);
            if *name == LISTED_IN_ROWS {
                for _ in 1..listed {
                    let id = (self.sizes[field] as f64).powf(uniform(&mut generator)) as u32;
                    self.push_feature(&mut features, 0, field, id.saturating_sub(1), None);
                    count += 1;
                }
            }
            let value = dense.map(|dense| (f64::from(draw.dense[dense]) * VALUE_OF_ONE).round() as u64);
            if value != Some(0) {
                self.push_feature(&mut features, 0, field, draw.ids[field], value);
                count += 1;
            }
        }
        line.push(b',');
        push_number(line, count);
        line.push(b',');
        line.extend_from_slice(&features);
        line.push(b'\n');
        labels
    }

    fn generator(&self, stream: u64, number: u64) -> ChaCha8Rng {
        let mut generator = ChaCha8Rng::from_seed(self.key);
        generator.set_stream(number << 1 | stream);
        generator
    }

    fn draw(&self, generator: &mut ChaCha8Rng) -> Draw {
        let mut draw = Draw { ids: Vec::with_capacity(23), dense: Vec::with_capacity(8) };
        draw_features(generator, &self.sizes, &mut draw.ids, &mut draw.dense);
        draw
    }

    /// The first row of a user: users have 1/10 to 19/10 of the average, one after the other.
    fn first_row(&self, user: u64) -> u64 {
        if user == 0 || user >= self.users {
            return if user == 0 { 0 } else { self.rows };
        }
        let jitter =
            i128::from(mixed(u64::from_le_bytes(self.key[..8].try_into().unwrap_or_default()) ^ user) >> 32);
        // In units of 2^-32 of a user, at most 0.45 of one to either side.
        let place = (i128::from(user) << 32) + (jitter - (1 << 31)) * 9 / 10;
        u64::try_from(place * i128::from(self.rows) / (i128::from(self.users) << 32)).unwrap_or(self.rows)
    }

    /// The user that a row belongs to.
    fn user_of(&self, row: u64) -> u64 {
        let guess = (u128::from(row) * u128::from(self.users) / u128::from(self.rows.max(1))) as u64;
        let mut user = guess.saturating_sub(1);
        while user + 1 < self.users && self.first_row(user + 1) <= row {
            user += 1;
        }
        user
    }

    /// An index is 16 hexadecimal digits, another one for each user.
    fn push_index(&self, user: u64, line: &mut Vec<u8>) {
        let number = mixed(u64::from(self.key[8]) << 48 | user);
        line.extend((0..16).rev().map(|digit| b"0123456789abcdef"[(number >> (4 * digit) & 15) as usize]));
    }

    /// Appends a feature; a value is given in hundred-thousandths, and is 1 where there is none.
    fn push_feature(&self, line: &mut Vec<u8>, start: usize, field: usize, id: u32, value: Option<u64>) {
        if line.len() > start {
            line.push(FEATURE_SEPARATOR);
        }
        line.extend_from_slice(ALI_CCP_SPARSE[field].as_bytes());
        line.push(ID_SEPARATOR);
        push_number(line, self.first_ids[field] + u64::from(id));
        line.push(VALUE_SEPARATOR);
        match value {
            None => line.extend_from_slice(b"1.0"),
            Some(value) => {
                push_number(line, value / 100_000);
                line.push(b'.');
                let mut unit = 10_000;
                while unit > 0 {
                    line.push(b'0' + (value / unit % 10) as u8);
                    unit /= 10;
                }
            }
        }
    }
}

/// Which stream of random numbers is meant: that of users or that of rows.
const STREAM_OF_USERS: u64 = 0;
const STREAM_OF_ROWS: u64 = 1;

/// The fields of the common features with one id.
const N_SINGLE: usize = 9;
/// The field of the skeleton with several ids.
const LISTED_IN_ROWS: &str = "210";

fn push_number(line: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[start..]);
}

/// The finaliser of SplitMix64: another number for each number.
fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
