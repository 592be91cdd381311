//! Parameters live outside the tape, in one insertion-ordered store: layers own handles, the store owns values.
//!
//! A matrix may hold many named parameters side by side, each a block of its columns. The linears that read one
//! input are then one product, without copying, and each expert keeps its own name.

use std::collections::HashMap;
use std::ops::Range;

use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};

use crate::first_values::FirstValues;
use crate::kernel::gather::Rows;
use crate::table::{Arena, RowStamps, SlotWidth, Table, TableRows};

/// Handle of a matrix in a [`ParamStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MatrixId(pub(crate) u32);

/// Handle of an embedding table in a [`ParamStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId(pub(crate) u32);

impl MatrixId {
    /// The position of the matrix in the order in which matrices were added.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl TableId {
    /// The position of the table in the order in which tables were added.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What the optimiser may do with a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Learned, with weight decay.
    Decayed,
    /// Learned, without weight decay (the log variances of uncertainty weighting).
    NotDecayed,
    /// Not learned: running statistics, bin edges. Saved and exported with the parameters.
    Buffer,
}

/// One named parameter: a block of columns of a matrix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedBlock {
    /// The parameter's full name, such as `cgc.0.task.1.expert.2.layer.0.weight`.
    pub name: String,
    /// The matrix that holds it.
    pub matrix: MatrixId,
    /// Its columns of that matrix.
    pub columns: Range<usize>,
}

/// Where a name leads: to a block of a matrix, or to an embedding table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Index into [`ParamStore::blocks`].
    Block(usize),
    /// A whole table.
    Table(TableId),
}

#[derive(Clone, Debug)]
struct Matrix {
    values: Array2<f32>,
    role: Role,
    /// Its parameters, which lie together in the store's list.
    blocks: Range<usize>,
}

/// All parameters and buffers of a model, in insertion order.
///
/// Dense parameters are row-major matrices; embedding tables are stored by row, in one arena for each dimension, with
/// room in each row for the optimiser's slots (see [`ParamStore::set_slots`]).
///
/// ```
/// use ndarray::array;
/// use ple_tensor::{ParamStore, Role};
///
/// let mut store = ParamStore::new();
/// let pair = store.add_matrix(&[("expert.0.weight", 1), ("expert.1.weight", 2)], array![[1.0, 2.0, 3.0]], Role::Decayed);
/// assert_eq!(store.matrix(pair).dim(), (1, 3));
/// assert_eq!(store.get("expert.1.weight"), Some(array![[2.0, 3.0]].view()));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ParamStore {
    matrices: Vec<Matrix>,
    blocks: Vec<NamedBlock>,
    tables: Vec<Table>,
    arenas: Vec<Arena>,
    names: HashMap<String, Entry>,
    order: Vec<Entry>,
    slots: (Vec<SlotWidth>, RowStamps),
    first: FirstValues,
}

/// The weights and buffers of a store at one moment: see [`ParamStore::snapshot`].
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    matrices: Vec<Array2<f32>>,
    arenas: Vec<Vec<f32>>,
}

impl ParamStore {
    /// An empty store whose tables hold weights alone: enough for inference.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a matrix whose columns are the given parameters, `(name, columns)` from left to right.
    ///
    /// # Panics
    /// If the widths do not add up to the matrix's, or a name is taken.
    pub fn add_matrix(
        &mut self,
        blocks: &[(impl AsRef<str>, usize)],
        values: Array2<f32>,
        role: Role,
    ) -> MatrixId {
        let id = MatrixId(self.matrices.len() as u32);
        let (mut start, first_block) = (0, self.blocks.len());
        for (name, width) in blocks {
            self.claim(name.as_ref(), Entry::Block(self.blocks.len()));
            let columns = start..start + width;
            self.blocks.push(NamedBlock { name: name.as_ref().to_owned(), matrix: id, columns });
            start += width;
        }
        assert_eq!(
            start,
            values.ncols(),
            "the named blocks cover {start} columns of a matrix {:?}",
            values.dim()
        );
        let blocks = first_block..self.blocks.len();
        self.matrices.push(Matrix { values: values.as_standard_layout().into_owned(), role, blocks });
        id
    }

    /// Adds a matrix that is one parameter.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn add(&mut self, name: &str, values: Array2<f32>, role: Role) -> MatrixId {
        let width = values.ncols();
        self.add_matrix(&[(name, width)], values, role)
    }

    /// Adds an embedding table of `rows` rows of `dim` values, all zero; fill it through [`ParamStore::table_row_mut`].
    ///
    /// # Panics
    /// If the name is taken, or `rows` or `dim` is 0.
    pub fn add_table(&mut self, name: &str, rows: usize, dim: usize) -> TableId {
        assert!(rows > 0 && dim > 0, "table {name} of {rows} rows of dimension {dim}");
        let id = TableId(self.tables.len() as u32);
        self.claim(name, Entry::Table(id));
        let arena = match self.arenas.iter().position(|arena| arena.dim() == dim) {
            Some(arena) => arena,
            None => {
                self.arenas.push(Arena::new(dim, &self.slots.0, self.slots.1));
                self.arenas.len() - 1
            }
        };
        let first_row = self.arenas[arena].grow(rows);
        self.tables.push(Table { name: name.to_owned(), arena, first_row, rows, dim });
        id
    }

    fn claim(&mut self, name: &str, entry: Entry) {
        assert!(self.names.insert(name.to_owned(), entry).is_none(), "parameter {name} is defined twice");
        self.order.push(entry);
    }

    /// The values of a matrix.
    pub fn matrix(&self, id: MatrixId) -> ArrayView2<'_, f32> {
        self.matrices[id.index()].values.view()
    }

    /// The values of a matrix, to be changed.
    pub fn matrix_mut(&mut self, id: MatrixId) -> ArrayViewMut2<'_, f32> {
        self.matrices[id.index()].values.view_mut()
    }

    /// What the optimiser may do with a matrix.
    pub fn role(&self, id: MatrixId) -> Role {
        self.matrices[id.index()].role
    }

    /// The handles of all matrices, in insertion order.
    pub fn matrix_ids(&self) -> impl Iterator<Item = MatrixId> + use<> {
        (0..self.matrices.len() as u32).map(MatrixId)
    }

    /// The handles of all tables, in insertion order.
    pub fn table_ids(&self) -> impl Iterator<Item = TableId> + use<> {
        (0..self.tables.len() as u32).map(TableId)
    }

    /// The named blocks of all matrices, in insertion order.
    pub fn blocks(&self) -> &[NamedBlock] {
        &self.blocks
    }

    /// The named blocks of one matrix, from left to right.
    pub fn blocks_of(&self, id: MatrixId) -> &[NamedBlock] {
        &self.blocks[self.matrices[id.index()].blocks.clone()]
    }

    /// The name of the parameter that a column of a matrix belongs to.
    ///
    /// # Panics
    /// If the matrix has no such column.
    pub fn name_of_column(&self, id: MatrixId, column: usize) -> &str {
        let block = self.blocks_of(id).iter().find(|block| block.columns.contains(&column));
        &block.expect("the blocks of a matrix cover its columns").name
    }

    /// Every name's entry, in insertion order: the order of checkpoints and reports.
    pub fn entries(&self) -> &[Entry] {
        &self.order
    }

    /// Where a name leads, if it is known.
    pub fn entry(&self, name: &str) -> Option<Entry> {
        self.names.get(name).copied()
    }

    /// The name of an entry.
    pub fn entry_name(&self, entry: Entry) -> &str {
        match entry {
            Entry::Block(block) => &self.blocks[block].name,
            Entry::Table(table) => &self.table(table).name,
        }
    }

    /// The name of a matrix's first parameter, and how many more it holds: for messages.
    pub fn matrix_name(&self, id: MatrixId) -> String {
        let mut names = self.blocks_of(id).iter().map(|block| block.name.as_str());
        match (names.next(), names.count()) {
            (None, _) => "a matrix without parameters".to_owned(),
            (Some(name), 0) => name.to_owned(),
            (Some(name), more) => format!("{name} and {more} more"),
        }
    }

    /// The values of a dense parameter, by name.
    pub fn get(&self, name: &str) -> Option<ArrayView2<'_, f32>> {
        match self.entry(name)? {
            Entry::Block(block) => {
                let NamedBlock { matrix, columns, .. } = &self.blocks[block];
                Some(self.matrices[matrix.index()].values.slice(s![.., columns.clone()]))
            }
            Entry::Table(_) => None,
        }
    }

    /// The values of a dense parameter, by name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<ArrayViewMut2<'_, f32>> {
        match self.entry(name)? {
            Entry::Block(block) => {
                self.first.clear_block(block);
                let NamedBlock { matrix, columns, .. } = self.blocks[block].clone();
                Some(self.matrices[matrix.index()].values.slice_mut(s![.., columns]))
            }
            Entry::Table(_) => None,
        }
    }

    /// Name, arena and extent of a table.
    pub fn table(&self, id: TableId) -> &Table {
        &self.tables[id.index()]
    }

    /// The weights of one row of a table.
    ///
    /// # Panics
    /// If the row is out of range.
    pub fn table_row(&self, id: TableId, row: usize) -> &[f32] {
        let table = &self.tables[id.index()];
        self.arenas[table.arena].weights(table.arena_row(row))
    }

    /// The weights of one row of a table, to be changed.
    ///
    /// # Panics
    /// If the row is out of range.
    pub fn table_row_mut(&mut self, id: TableId, row: usize) -> &mut [f32] {
        let table = &self.tables[id.index()];
        let weights = self.arenas[table.arena].weights_mut(table.arena_row(row));
        self.first.clear_row(id.index(), row);
        weights
    }

    /// A table's rows in their arena, `[rows, stride]`: weights first, then the optimiser's slots.
    pub fn table_rows(&self, id: TableId) -> ArrayView2<'_, f32> {
        let table = &self.tables[id.index()];
        self.arenas[table.arena].rows(table.first_row..table.first_row + table.rows)
    }

    /// The same rows as a kernel reads them.
    pub(crate) fn rows_of(&self, id: TableId) -> Rows<'_> {
        let table = &self.tables[id.index()];
        self.arenas[table.arena].kernel_rows(table.first_row..table.first_row + table.rows)
    }

    /// Checks that every id has a row of its own table.
    ///
    /// # Panics
    /// If one has not.
    pub(crate) fn check_ids(&self, id: TableId, ids: &[u32]) {
        // Of values, not of references to them: that is done a vector at a time.
        if let Some(largest) = ids.iter().copied().max() {
            self.tables[id.index()].arena_row(largest as usize);
        }
    }

    /// All tables to be changed, in insertion order: disjoint, so that threads can share them out.
    pub fn tables_mut(&mut self) -> Vec<TableRows<'_>> {
        let mut tables: Vec<Option<TableRows<'_>>> = self.tables.iter().map(|_| None).collect();
        for (index, arena) in self.arenas.iter_mut().enumerate() {
            let members: Vec<usize> =
                (0..self.tables.len()).filter(|&t| self.tables[t].arena == index).collect();
            let rows: Vec<usize> = members.iter().map(|&table| self.tables[table].rows).collect();
            for (table, rows) in members.into_iter().zip(arena.split(&rows)) {
                tables[table] = Some(rows);
            }
        }
        tables.into_iter().flatten().collect()
    }

    /// Makes room for an optimiser's slots beside the weights of a table's rows (Adam keeps two moments: two slots as wide as
    /// the row), so that a row and its slots are read and written together; with [`RowStamps::Kept`] each row also has the number
    /// of the last step that reached it. Slots and stamps start at zero; the weights stay.
    pub fn set_slots(&mut self, slots: &[SlotWidth], stamps: RowStamps) {
        self.arenas.iter_mut().for_each(|arena| arena.set_slots(slots, stamps));
        self.slots = (slots.to_vec(), stamps);
    }

    /// A copy of all weights and buffers, without the optimiser's slots.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            matrices: self.matrices.iter().map(|matrix| matrix.values.clone()).collect(),
            arenas: self.arenas.iter().map(Arena::copy_weights).collect(),
        }
    }

    /// Puts the weights and buffers of a snapshot back; the optimiser's slots stay as they are.
    ///
    /// # Panics
    /// If the snapshot is another store's.
    pub fn restore(&mut self, snapshot: &Snapshot) {
        assert_eq!(snapshot.matrices.len(), self.matrices.len(), "a snapshot of another store");
        self.mark_learned();
        for (matrix, values) in self.matrices.iter_mut().zip(&snapshot.matrices) {
            matrix.values.assign(values);
        }
        for (arena, weights) in self.arenas.iter_mut().zip(&snapshot.arenas) {
            arena.set_weights(weights);
        }
    }

    /// Says that all values of now are first ones, which nobody has learned: a model does so when it has been built.
    pub fn mark_first_values(&mut self) {
        self.first.mark(self.blocks.len(), self.tables.iter().map(|table| table.rows));
    }

    /// Says that all values are learned ones: an optimiser does so after a step, whether or not the step moved them.
    pub fn mark_learned(&mut self) {
        self.first = FirstValues::default();
    }

    /// The entries that nobody has written since [`ParamStore::mark_first_values`], by name or row, and that no step has
    /// passed over: of a model that was not trained, or of one that was loaded in part. A table is among them until all of
    /// its rows have been written.
    ///
    /// ```
    /// use ndarray::array;
    /// use ple_tensor::{ParamStore, Role};
    ///
    /// let mut store = ParamStore::new();
    /// store.add("weight", array![[1.0]], Role::Decayed);
    /// store.add("bias", array![[0.0]], Role::Decayed);
    /// store.mark_first_values();
    /// store.get_mut("weight").unwrap().fill(0.5);
    /// let first: Vec<&str> = store.first_values().map(|entry| store.entry_name(entry)).collect();
    /// assert_eq!(first, ["bias"]);
    /// ```
    pub fn first_values(&self) -> impl Iterator<Item = Entry> + '_ {
        let is_first = |entry: &Entry| match *entry {
            Entry::Block(block) => self.first.has_block(block),
            Entry::Table(table) => self.first.has_table(table.index()),
        };
        self.order.iter().copied().filter(is_first)
    }

    /// The number of learned values: matrices that are not buffers, and tables.
    pub fn n_parameters(&self) -> usize {
        let dense: usize =
            self.matrices.iter().filter(|m| m.role != Role::Buffer).map(|m| m.values.len()).sum();
        dense + self.tables.iter().map(|table| table.rows * table.dim).sum::<usize>()
    }
}
