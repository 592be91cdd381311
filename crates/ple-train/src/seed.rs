//! Every random choice comes from one seed, through named streams that can be entered at any point.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The seed of a run.
///
/// ```
/// use ple_train::RunSeed;
///
/// let seed = RunSeed(2020);
/// assert_eq!(seed.stream("dropout", 7), RunSeed(2020).stream("dropout", 7));
/// assert_ne!(seed.stream("dropout", 7), seed.stream("dropout", 8));
/// assert_ne!(seed.stream("dropout", 7), seed.stream("shuffle", 7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunSeed(pub u64);

impl RunSeed {
    /// The seed of the stream `name` at position `at`: its hash under the run's seed.
    pub fn stream(self, name: &str, at: u64) -> u64 {
        xxh3_64_with_seed(format!("{name}\0{at}").as_bytes(), self.0)
    }

    /// A generator for the first values of a row of a table, by the row's key: it depends on neither the place of the row nor
    /// the size of the table.
    pub fn row_generator(self, table: &str, key: &str) -> ChaCha8Rng {
        // The length tells where the name of the table ends, whatever both hold.
        let name = format!("row\0{}\0{table}{key}", table.len());
        ChaCha8Rng::seed_from_u64(xxh3_64_with_seed(name.as_bytes(), self.0))
    }

    /// A generator at the start of a stream.
    pub fn generator(self, name: &str, at: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.stream(name, at))
    }
}
