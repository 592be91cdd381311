//! The values of an initialiser as little-endian bytes, a buffer at a time.

use std::io::{self, Write};

use half::f16;
use ple_tensor::ParamStore;

use crate::graph::Values;
use crate::rounding::{TableForm, code};

/// A multiple of the size of every element.
const BUFFER_BYTES: usize = 1 << 18;

/// Writes all values. A table's rows are read one by one from where they stand beside the optimiser's slots.
pub(super) fn write(values: &Values, store: &ParamStore, out: &mut dyn Write) -> io::Result<()> {
    let mut buffer = Buffer { bytes: Vec::with_capacity(BUFFER_BYTES), out };
    match values {
        Values::Floats(values) => buffer.floats(values)?,
        Values::Doubles(values) => {
            for value in values {
                buffer.push(&value.to_le_bytes())?;
            }
        }
        Values::Ints(values) => {
            for value in values {
                buffer.push(&value.to_le_bytes())?;
            }
        }
        Values::Halves(values) => buffer.halves(values)?,
        Values::Bytes(values) => {
            for value in values {
                buffer.push(&[*value])?;
            }
        }
        Values::SignedBytes(values) => {
            for value in values {
                buffer.push(&value.to_le_bytes())?;
            }
        }
        Values::Tables(tables) => {
            for (table, form) in tables {
                for row in 0..store.table(*table).rows {
                    let values = store.table_row(*table, row);
                    match form {
                        TableForm::Floats => buffer.floats(values)?,
                        TableForm::Halves => buffer.halves(values)?,
                        TableForm::Codes(scales) => buffer.codes(values, scales)?,
                    }
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

    fn halves(&mut self, values: &[f32]) -> io::Result<()> {
        for &value in values {
            self.push(&f16::from_f32(value).to_le_bytes())?;
        }
        Ok(())
    }

    fn codes(&mut self, values: &[f32], scales: &[f32]) -> io::Result<()> {
        for (&value, &scale) in values.iter().zip(scales) {
            self.push(&[code(value, scale)])?;
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
