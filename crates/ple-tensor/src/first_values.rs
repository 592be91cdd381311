//! Which parameters still have the values that they were built with: nobody has trained or loaded them.

/// A mark for each named block and each table.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstValues {
    pub(crate) blocks: Vec<bool>,
    pub(crate) tables: Vec<bool>,
}

impl FirstValues {
    /// Marks so many blocks and tables.
    pub(crate) fn mark(&mut self, blocks: usize, tables: usize) {
        (self.blocks, self.tables) = (vec![true; blocks], vec![true; tables]);
    }

    /// Takes the mark from a block.
    pub(crate) fn clear_block(&mut self, block: usize) {
        if let Some(mark) = self.blocks.get_mut(block) {
            *mark = false;
        }
    }

    /// Takes the mark from a table.
    pub(crate) fn clear_table(&mut self, table: usize) {
        if let Some(mark) = self.tables.get_mut(table) {
            *mark = false;
        }
    }
}
