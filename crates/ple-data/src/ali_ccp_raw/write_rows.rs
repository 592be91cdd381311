//! Rows as Parquet shards: single ids joined and numbered, dense values scaled, lists of the row itself, and the number
//! of the user.

use std::ops::Range;

use super::features::Reading;
use super::format::{Fields, N_DENSE, N_FIELDS, N_LISTS};
use super::prepared::{DenseFacts, ListFacts, PartFacts, ShardFacts};
use super::progress::Progress;
use super::spill::{Spill, SpilledRows};
use super::users::{UserRecord, Users};
use super::vocabulary::FieldVocabulary;
use crate::ali_ccp::{ALI_CCP_DENSE, ALI_CCP_SPARSE};
use crate::error::DataError;
use crate::in_order::in_order;
use crate::output_folder::OutputFolder;
use crate::parquet_file::{ColumnValues, FEW, write_batches};
use crate::transformation_hash::TransformationHash;
use crate::user_lists::weights_column;

/// What rows are written with.
pub(super) struct RowOutput<'a> {
    pub(super) output: &'a OutputFolder,
    pub(super) reading: &'a Reading,
    pub(super) users: &'a Users,
    pub(super) vocabularies: &'a [FieldVocabulary],
    pub(super) dense: &'a [DenseFacts],
    pub(super) lists: &'a [ListFacts],
    /// What the shards say has made them.
    pub(super) transformation: TransformationHash,
}

/// Some rows of a stretch that become one shard.
struct Piece {
    part: usize,
    shard: usize,
    start: usize,
    end: usize,
}

impl RowOutput<'_> {
    /// Writes the rows of a spill as one part, or as several that follow each other in its order: names and sizes.
    pub(super) fn write(
        &self,
        spill: &Spill,
        parts: &[(&str, u64)],
        raw_bytes: u64,
        progress: &Progress<'_>,
    ) -> Result<Vec<PartFacts>, DataError> {
        for (part, _) in parts {
            self.output.subfolder(part)?;
        }
        let stretches = spill.rows();
        let total: u64 = stretches.iter().sum();
        let pieces = pieces(&stretches, parts);
        let mut facts: Vec<PartFacts> = parts.iter().map(|(part, _)| PartFacts::empty(part)).collect();
        let work = |rows: &mut SpilledRows, stretch: usize| {
            spill.take(stretch, rows)?;
            let mut shards = Vec::new();
            for piece in &pieces[stretch] {
                shards.push(self.write_shard(rows, piece, parts[piece.part].0)?);
            }
            Ok(shards)
        };
        let commit = |stretch: usize, shards: Vec<Shard>| {
            for shard in shards {
                facts[shard.part].add(shard.facts, shard.clicks, shard.purchases);
            }
            let share = u128::from(raw_bytes) * u128::from(stretches[stretch]) / u128::from(total.max(1));
            progress.advance(share as u64);
            Ok(())
        };
        in_order(stretches.len(), SpilledRows::default, work, commit)?;
        Ok(facts)
    }

    fn write_shard(&self, rows: &SpilledRows, piece: &Piece, part: &str) -> Result<Shard, DataError> {
        let (mut clicks, mut purchases) = (0, 0);
        let mut users = Vec::with_capacity(ROWS_AT_A_TIME);
        let batches = (piece.start..piece.end).step_by(ROWS_PER_BATCH).map(|start| {
            let batch = start..(start + ROWS_PER_BATCH).min(piece.end);
            let columns = self.columns(rows, batch, &mut users);
            let sum = |labels: &[i32]| labels.iter().map(|&label| label as u64).sum::<u64>();
            clicks += sum(&columns.click);
            purchases += sum(&columns.purchase);
            columns.into_named(self)
        });
        let file = format!("{part}/part-{:05}.parquet", piece.shard);
        let file = write_batches(self.output, &file, &self.few(), Some(self.transformation), batches)?;
        let facts = ShardFacts { rows: (piece.end - piece.start) as u64, file };
        Ok(Shard { part: piece.part, facts, clicks, purchases })
    }

    /// The columns whose numbers are few.
    fn few(&self) -> Vec<String> {
        let is_few = |field: &usize| self.vocabularies[*field].entries.len() < FEW as usize;
        let single = (0..N_FIELDS).filter(|field| self.reading.fields.list[*field].is_none());
        let ids = single.filter(is_few).map(|field| ALI_CCP_SPARSE[field]);
        ["click", "purchase"].into_iter().chain(ids).map(str::to_owned).collect()
    }

    fn columns(&self, rows: &SpilledRows, batch: Range<usize>, users: &mut Vec<UserRecord>) -> Columns {
        let mut columns = Columns::new(batch.len(), &self.reading.fields);
        for start in batch.clone().step_by(ROWS_AT_A_TIME) {
            let places = start..(start + ROWS_AT_A_TIME).min(batch.end);
            columns.push_users(self, rows, places.clone(), users);
            for place in places {
                columns.push_own(self, rows, place - batch.start, place);
            }
        }
        for (column, scaler) in columns.dense.iter_mut().zip(self.dense) {
            column.iter_mut().for_each(|value| *value = scaler.scale(*value));
        }
        columns
    }
}

/// Rows that are encoded together: few enough that their columns stay in the cache.
const ROWS_PER_BATCH: usize = 8 << 10;
/// Rows whose users are looked up at a time: few enough that they are still in the cache when they are used.
const ROWS_AT_A_TIME: usize = 128;

/// A shard that was written.
struct Shard {
    part: usize,
    facts: ShardFacts,
    clicks: u64,
    purchases: u64,
}

/// Cuts the rows of the stretches at the ends of the parts.
fn pieces(stretches: &[u64], parts: &[(&str, u64)]) -> Vec<Vec<Piece>> {
    let (mut part, mut left, mut shard) = (0, parts[0].1, 0);
    let mut all = Vec::new();
    for &rows in stretches {
        let (mut at, mut pieces) = (0, Vec::new());
        while at < rows {
            while left == 0 && part + 1 < parts.len() {
                part += 1;
                (left, shard) = (parts[part].1, 0);
            }
            let n = if left == 0 { rows - at } else { left.min(rows - at) };
            pieces.push(Piece { part, shard, start: at as usize, end: (at + n) as usize });
            (at, left, shard) = (at + n, left.saturating_sub(n), shard + 1);
        }
        all.push(pieces);
    }
    all
}

/// The columns of a shard as they are filled, row by row.
struct Columns {
    click: Vec<i32>,
    purchase: Vec<i32>,
    user: Vec<u32>,
    ids: Vec<Vec<u32>>,
    dense: Vec<Vec<f32>>,
    lists: Vec<ListColumn>,
}

#[derive(Default)]
struct ListColumn {
    ends: Vec<i32>,
    ids: Vec<u32>,
    weights: Vec<f32>,
}

impl Columns {
    fn new(rows: usize, fields: &Fields) -> Self {
        let ids = |field: usize| if fields.list[field].is_none() { vec![0; rows] } else { Vec::new() };
        Columns {
            click: Vec::with_capacity(rows),
            purchase: Vec::with_capacity(rows),
            user: Vec::with_capacity(rows),
            ids: (0..N_FIELDS).map(ids).collect(),
            dense: vec![vec![0.0; rows]; N_DENSE],
            lists: (0..N_LISTS).map(|_| ListColumn::default()).collect(),
        }
    }

    /// Appends labels and what the users of some rows have. Users are looked up first, one after the other with nothing
    /// in between, so that the processor waits for many of them at once.
    fn push_users(
        &mut self,
        output: &RowOutput<'_>,
        rows: &SpilledRows,
        places: Range<usize>,
        users: &mut Vec<UserRecord>,
    ) {
        let first = self.user.len();
        for place in places.clone() {
            let row = rows.row(place);
            self.click.push(i32::from(row.click));
            self.purchase.push(i32::from(row.purchase));
            self.user.push(row.user as u32);
        }
        users.clear();
        users.extend(self.user[first..].iter().map(|&user| output.users.records[user as usize]));
        for (field, column) in self.ids.iter_mut().enumerate() {
            if let Some(column) = column.get_mut(first..first + users.len()) {
                column.iter_mut().zip(users.iter()).for_each(|(id, user)| *id = user.last[field]);
            }
        }
        for (number, column) in self.dense.iter_mut().enumerate() {
            let column = &mut column[first..first + users.len()];
            column.iter_mut().zip(users.iter()).for_each(|(value, user)| *value = user.dense[number]);
        }
    }

    /// Puts what a row has itself into its place, after what its user has.
    #[inline]
    fn push_own(&mut self, output: &RowOutput<'_>, rows: &SpilledRows, row: usize, place: usize) {
        let fields = &output.reading.fields;
        rows.row(place).for_each_field(output.reading, |own| {
            if let Some(column) = fields.dense[own.field] {
                self.dense[column][row] = own.value;
            }
            let numbers = &output.vocabularies[own.field].numbers;
            match fields.list[own.field] {
                None => self.ids[own.field][row] = numbers.get(own.last),
                Some(list) => {
                    let list = &mut self.lists[list];
                    list.ids.extend(own.ids.iter().map(|&code| numbers.get(code)));
                    list.weights.extend(own.weights.iter().map(|&bits| f32::from_bits(bits)));
                }
            }
        });
        for list in &mut self.lists {
            list.ends.push(list.ids.len() as i32);
        }
    }

    fn into_named(self, output: &RowOutput<'_>) -> Vec<(String, ColumnValues)> {
        let mut named = vec![
            ("click".to_owned(), ColumnValues::Int32(self.click)),
            ("purchase".to_owned(), ColumnValues::Int32(self.purchase)),
            ("user".to_owned(), ColumnValues::UInt32(self.user)),
        ];
        for (field, ids) in self.ids.into_iter().enumerate() {
            if output.reading.fields.list[field].is_none() {
                named.push((ALI_CCP_SPARSE[field].to_owned(), ColumnValues::UInt32(ids)));
            }
        }
        for (name, values) in ALI_CCP_DENSE.iter().zip(self.dense) {
            named.push(((*name).to_owned(), ColumnValues::Float32(values)));
        }
        for (list, facts) in self.lists.into_iter().zip(output.lists) {
            if let Some(column) = &facts.row_column {
                named.push((column.clone(), ColumnValues::Ids { ends: list.ends.clone(), ids: list.ids }));
                let weights = ColumnValues::Weights { ends: list.ends, weights: list.weights };
                named.push((weights_column(column), weights));
            }
        }
        named
    }
}
