//! Which parameters still have the values that they were built with: nobody has trained or loaded them.

/// A mark for each named block, and for each row of each table: a table counts as written when its last row is.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstValues {
    blocks: Vec<bool>,
    tables: Vec<UnwrittenRows>,
}

/// The rows of a table that nobody has written.
#[derive(Clone, Debug)]
struct UnwrittenRows {
    /// A bit for each row.
    rows: Vec<u64>,
    number: usize,
}

impl FirstValues {
    /// Marks so many blocks, and tables of so many rows.
    pub(crate) fn mark(&mut self, blocks: usize, table_rows: impl Iterator<Item = usize>) {
        let all = |number: usize| UnwrittenRows { rows: vec![u64::MAX; number.div_ceil(64)], number };
        (self.blocks, self.tables) = (vec![true; blocks], table_rows.map(all).collect());
    }

    /// Takes the mark from a block.
    pub(crate) fn clear_block(&mut self, block: usize) {
        if let Some(mark) = self.blocks.get_mut(block) {
            *mark = false;
        }
    }

    /// Takes the mark from a row of a table.
    pub(crate) fn clear_row(&mut self, table: usize, row: usize) {
        if let Some(table) = self.tables.get_mut(table)
            && let Some(marks) = table.rows.get_mut(row / 64)
        {
            let mark = 1 << (row % 64);
            table.number -= usize::from(*marks & mark != 0);
            *marks &= !mark;
        }
    }

    /// Whether a block has its mark.
    pub(crate) fn has_block(&self, block: usize) -> bool {
        self.blocks.get(block).is_some_and(|&mark| mark)
    }

    /// Whether a row of a table has its mark.
    pub(crate) fn has_table(&self, table: usize) -> bool {
        self.tables.get(table).is_some_and(|table| table.number > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::FirstValues;

    #[test]
    fn a_table_is_written_when_its_last_row_is() {
        let mut first = FirstValues::default();
        first.mark(0, [130, 1].into_iter());
        for row in (0..130).rev() {
            assert!(first.has_table(0), "row {row} is not written");
            // Twice: a row counts once.
            first.clear_row(0, row);
            first.clear_row(0, row);
        }
        assert!(!first.has_table(0));
        assert!(first.has_table(1));
    }
}
