//! What a preparation found, and whether it is what is known of the published data.

use std::fmt;

use super::bad_lines::SkippedLines;
use super::files::RawPart;
use super::rows::RowStats;
use crate::ali_ccp::{ALI_CCP_SPARSE, FULL_VOCABULARY};

/// What one official part holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawPartSummary {
    /// Which part.
    pub part: RawPart,
    /// Rows that were kept.
    pub rows: u64,
    /// Those with a click.
    pub clicks: u64,
    /// Those with a purchase.
    pub purchases: u64,
    /// Rows with a purchase and no click, which were dropped.
    pub dropped: u64,
    /// Common-feature indexes.
    pub users: u64,
    /// The size of both files.
    pub bytes: u64,
}

/// What a preparation found. `Display` gives some lines of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawSummary {
    /// The official parts, training first.
    pub parts: Vec<RawPartSummary>,
    /// For each field of [`ALI_CCP_SPARSE`] the ids with a number, without the 0 for the others.
    pub vocabularies: Vec<usize>,
    /// Lines that were skipped, by file and reason.
    pub skipped: Vec<SkippedLines>,
    /// What is known of the published data beside what was found; empty for other data.
    pub known_facts: Vec<KnownFact>,
}

/// A fact of the published data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownFact {
    /// What it is about.
    pub what: String,
    /// What is known.
    pub expected: u64,
    /// What was found.
    pub found: u64,
}

/// The rows of the published training part, and how many of them have a purchase and no click.
const PUBLISHED_ROWS: u64 = 42_300_135;
const PUBLISHED_DROPPED: u64 = 230;

impl RawPartSummary {
    pub(super) fn new(part: RawPart, stats: &RowStats, users: u64, bytes: u64) -> Self {
        let RowStats { rows, clicks, purchases, dropped, .. } = *stats;
        RawPartSummary { part, rows, clicks, purchases, dropped, users, bytes }
    }
}

/// What is known, if the training part has the published number of rows.
pub(super) fn known_facts(train: &RawPartSummary, vocabularies: &[usize], min_count: u32) -> Vec<KnownFact> {
    if train.rows + train.dropped != PUBLISHED_ROWS {
        return Vec::new();
    }
    let fact = |what: String, expected, found| KnownFact { what, expected, found };
    let mut facts =
        vec![fact("training rows with a purchase and no click".to_owned(), PUBLISHED_DROPPED, train.dropped)];
    // Fields with several ids are counted in more than one way, so there is no one number for them.
    let single = ALI_CCP_SPARSE.iter().zip(FULL_VOCABULARY).zip(vocabularies);
    for ((field, expected), &found) in single.filter(|((field, _), _)| !super::format::LISTS.contains(*field))
    {
        if min_count == 10 {
            facts.push(fact(format!("vocabulary of {field}"), expected as u64, found as u64));
        }
    }
    facts
}

impl fmt::Display for RawSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            formatter,
            "part           rows    clicks   clicks %  purchases  dropped     users        MB"
        )?;
        for part in &self.parts {
            let percent = 100.0 * part.clicks as f64 / part.rows.max(1) as f64;
            writeln!(
                formatter,
                "{:<7} {:>11} {:>9} {percent:>9.3}% {:>10} {:>8} {:>9} {:>9.1}",
                part.part.name(),
                part.rows,
                part.clicks,
                part.purchases,
                part.dropped,
                part.users,
                part.bytes as f64 / 1e6
            )?;
        }
        let sizes: Vec<String> = ALI_CCP_SPARSE
            .iter()
            .zip(&self.vocabularies)
            .map(|(field, size)| format!("{field}: {size}"))
            .collect();
        let total: usize = self.vocabularies.iter().sum();
        writeln!(formatter, "vocabularies: {total} ids in all ({})", sizes.join(", "))?;
        for skipped in &self.skipped {
            writeln!(
                formatter,
                "skipped: {} lines of {} for their {}, the first is line {}",
                skipped.lines, skipped.file, skipped.reason, skipped.first_line
            )?;
        }
        for fact in &self.known_facts {
            let verdict = if fact.expected == fact.found { "as published" } else { "NOT as published" };
            writeln!(formatter, "{}: {}, {verdict} ({})", fact.what, fact.found, fact.expected)?;
        }
        Ok(())
    }
}
