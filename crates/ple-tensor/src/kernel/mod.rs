//! The loops under the operations. Each sums an element in one order that the shapes alone fix: the same seed gives the
//! same bytes for any number of threads; AVX2 and AVX-512 give the same bytes, the portable instruction set its own.

pub(crate) mod adam;
pub(crate) mod bags;
pub(crate) mod column_blocks;
pub(crate) mod columns;
pub(crate) mod distinct_rows;
pub(crate) mod dots;
pub(crate) mod gather;
pub(crate) mod gemm;
pub(crate) mod instruction_set;
pub(crate) mod named_rows;
pub(crate) mod one_column;
pub(crate) mod places;
pub(crate) mod prefetch;
pub(crate) mod register_rate;
pub(crate) mod row_sums;
pub(crate) mod rows;
pub(crate) mod rule_step;
pub(crate) mod scratch;
pub(crate) mod softmax;
pub(crate) mod team;
pub(crate) mod transcendental;
pub(crate) mod vectors;
pub(crate) mod written;
