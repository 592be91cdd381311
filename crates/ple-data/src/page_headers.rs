//! What the page headers of a Parquet column claim, read before the decoder allocates as much.
//!
//! A page header is a struct in Thrift's compact form. Its third field says how many bytes follow it, its second how
//! many they are once unpacked: this is what the decoder reserves, before it has looked at a single byte of the page.

use std::io::{BufReader, ErrorKind, Read, Result, Seek, SeekFrom};

/// A page, by its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PageClaim {
    /// Where the header starts in the file.
    pub(crate) start: u64,
    /// The bytes that the page claims to have when it is unpacked.
    pub(crate) unpacked: u64,
}

/// The page with the largest claim among those between two positions of a file, if there is any.
///
/// The walk ends where a header cannot be read; what is wrong there is for the decoder to say.
pub(crate) fn largest_page(file: impl Read + Seek, start: u64, end: u64) -> Result<Option<PageClaim>> {
    let mut reader = BufReader::with_capacity(256, file);
    let mut largest: Option<PageClaim> = None;
    let mut position = start;
    while position < end {
        reader.seek(SeekFrom::Start(position))?;
        let header = match read_header(&mut reader) {
            Ok(header) => header,
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::InvalidData) => break,
            Err(error) => return Err(error),
        };
        if largest.is_none_or(|page| page.unpacked < header.unpacked) {
            largest = Some(PageClaim { start: position, unpacked: header.unpacked });
        }
        position = reader.stream_position()?.saturating_add(header.packed);
    }
    Ok(largest)
}

/// The two sizes in a page header.
struct Header {
    unpacked: u64,
    packed: u64,
}

fn read_header(reader: &mut (impl Read + Seek)) -> Result<Header> {
    let (mut unpacked, mut packed) = (None, None);
    let mut id = 0;
    while let Some((kind, next)) = read_field(reader, id)? {
        id = next;
        match (id, kind) {
            (2, I32) => unpacked = u64::try_from(read_zigzag(reader)?).ok(),
            (3, I32) => packed = u64::try_from(read_zigzag(reader)?).ok(),
            _ => skip(reader, kind, 0)?,
        }
    }
    match (unpacked, packed) {
        (Some(unpacked), Some(packed)) => Ok(Header { unpacked, packed }),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

// Thrift's compact types, by their numbers in a field's head.
const TRUE: u8 = 1;
const FALSE: u8 = 2;
const I8: u8 = 3;
const I16: u8 = 4;
const I32: u8 = 5;
const I64: u8 = 6;
const DOUBLE: u8 = 7;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const SET: u8 = 10;
const STRUCT: u8 = 12;

/// Structs in structs that are followed; a page header has three levels.
const DEEPEST: usize = 8;

/// The type and number of the next field, or `None` at the end of the struct.
fn read_field(reader: &mut impl Read, last: i64) -> Result<Option<(u8, i64)>> {
    let head = read_byte(reader)?;
    match (head & 0x0F, head >> 4) {
        (0, _) => Ok(None),
        (kind, 0) => Ok(Some((kind, read_zigzag(reader)?))),
        (kind, step) => Ok(Some((kind, last + i64::from(step)))),
    }
}

/// Passes over a value. Every value but a truth value in a struct takes at least one byte, and reading past the end is
/// an error, so that a list which claims to be endless ends with the file.
fn skip(reader: &mut (impl Read + Seek), kind: u8, depth: usize) -> Result<()> {
    match kind {
        TRUE | FALSE => Ok(()),
        I8 => read_byte(reader).map(drop),
        I16 | I32 | I64 => read_varint(reader).map(drop),
        DOUBLE => reader.read_exact(&mut [0; 8]),
        BINARY => {
            let length = i32::try_from(read_varint(reader)?).map_err(|_| ErrorKind::InvalidData)?;
            reader.seek_relative(i64::from(length))
        }
        LIST | SET if depth < DEEPEST => {
            let head = read_byte(reader)?;
            let length = if head >> 4 == 15 { read_varint(reader)? } else { u64::from(head >> 4) };
            for _ in 0..length {
                match head & 0x0F {
                    // In a list a truth value has a byte of its own.
                    TRUE | FALSE => drop(read_byte(reader)?),
                    kind => skip(reader, kind, depth + 1)?,
                }
            }
            Ok(())
        }
        STRUCT if depth < DEEPEST => {
            let mut id = 0;
            while let Some((kind, next)) = read_field(reader, id)? {
                id = next;
                skip(reader, kind, depth + 1)?;
            }
            Ok(())
        }
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

fn read_byte(reader: &mut impl Read) -> Result<u8> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    Ok(byte[0])
}

fn read_varint(reader: &mut impl Read) -> Result<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = read_byte(reader)?;
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(ErrorKind::InvalidData.into())
}

fn read_zigzag(reader: &mut impl Read) -> Result<i64> {
    let value = read_varint(reader)?;
    Ok((value >> 1) as i64 ^ -((value & 1) as i64))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use proptest::prelude::*;

    /// A data page: type 0, `unpacked` and `packed` bytes, a header of its own with four numbers and statistics.
    fn page(unpacked: u8, packed: u8) -> Vec<u8> {
        let statistics = [0x18, 2, 7, 7, 0x18, 1, 9, 0x11, 0];
        let inner = [&[0x15, 4, 0x15, 0, 0x15, 6, 0x15, 6, 0x1C][..], &statistics, &[0]].concat();
        let head = [0x15, 0, 0x15, unpacked * 2, 0x15, packed * 2, 0x2C];
        [&head[..], &inner, &[0], &vec![0xFF; packed.into()]].concat()
    }

    #[test]
    fn the_walk_finds_the_largest_claim() {
        let pages = [page(10, 8), page(60, 3), page(20, 20)];
        let file = [&b"PAR1"[..], &pages.concat()].concat();
        let largest = largest_page(Cursor::new(&file), 4, file.len() as u64).unwrap();
        assert_eq!(largest, Some(PageClaim { start: 4 + pages[0].len() as u64, unpacked: 60 }));
        assert_eq!(largest_page(Cursor::new(&file), 4, 4).unwrap(), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]
        #[test]
        fn no_bytes_make_the_walk_panic_or_hang(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = largest_page(Cursor::new(&bytes), 0, bytes.len() as u64);
        }
    }
}
