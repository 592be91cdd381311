//! The values of an initialiser as little-endian bytes, a buffer at a time.

use std::io::{self, Write};

use ple_tensor::ParamStore;

use crate::graph::Values;

/// A multiple of the size of every element.
const BUFFER_BYTES: usize = 1 << 18;

/// Writes all values. A table's rows are read one by one from where they stand beside the optimiser's slots.
pub(super) fn write(values: &Values, store: &ParamStore, out: &mut dyn Write) -> io::Result<()> {
    let mut buffer = Buffer { bytes: Vec::with_capacity(BUFFER_BYTES), out };
    match values {
        Values::Floats(values) => buffer.floats(values)?,
        Values::Ints(values) => {
            for value in values {
                buffer.push(&value.to_le_bytes())?;
            }
        }
        Values::Tables(tables) => {
            for &table in tables {
                for row in 0..store.table(table).rows {
                    buffer.floats(store.table_row(table, row))?;
                }
            }
        }
    }
    buffer.flush()
}

struct Buffer<'o> {
    bytes: Vec<u8>,
    out: &'o mut dyn Write,
}

impl Buffer<'_> {
    fn floats(&mut self, mut values: &[f32]) -> io::Result<()> {
        while !values.is_empty() {
            let (now, later) = values.split_at(values.len().min((BUFFER_BYTES - self.bytes.len()) / 4));
            self.bytes.extend(now.iter().flat_map(|value| value.to_le_bytes()));
            values = later;
            if self.bytes.len() == BUFFER_BYTES {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.bytes.len() + bytes.len() > BUFFER_BYTES {
            self.flush()?;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }
}
