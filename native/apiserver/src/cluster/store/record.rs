//! A stored record: its text, with a checksum that says whether it is what was written.
//!
//! | bytes | content |
//! |---|---|
//! | 8 | `MAGIC` |
//! | 8 | the first bytes of the SHA-256 of all that follows |
//! | 1 | [`Kind`] |
//! | 8, 4, 4 | version, length of the key, length of the text, little-endian |
//! | … | the key, then the text |
//!
//! A record repeats its key and version, so that it can be found in a damaged file without the index of the database
//! ([`find`]).

use sha2::{Digest as _, Sha256};

/// The first bytes of a record. No JSON text begins so.
const MAGIC: [u8; 8] = *b"\xf1icache\n";
const HEAD: usize = 8 + 8 + 1 + 8 + 4 + 4;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The text is the object of the key.
    Object,
    /// The text is the object before a change of the key that stored another one; empty if there was none.
    Change,
    /// The text is the object before it was deleted.
    Deletion,
}

impl Kind {
    const ALL: [(u8, Kind); 3] = [
        (b'o', Kind::Object),
        (b'c', Kind::Change),
        (b'd', Kind::Deletion),
    ];

    fn byte(self) -> u8 {
        let kinds = Kind::ALL.iter().find(|(_, kind)| *kind == self);
        kinds.map_or(b'o', |(byte, _)| *byte)
    }

    fn of(byte: u8) -> Option<Kind> {
        let kinds = Kind::ALL.iter().find(|(own, _)| *own == byte);
        kinds.map(|(_, kind)| *kind)
    }
}

/// A record that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it is about.
    pub kind: Kind,
    /// The change that wrote it; 0 where a store counts none.
    pub version: u64,
    /// Where it is stored.
    pub key: &'a str,
    /// The text.
    pub text: &'a [u8],
}

impl<'a> Record<'a> {
    /// Returns the bytes of the record.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(HEAD + self.key.len() + self.text.len());
        body.extend_from_slice(&MAGIC);
        body.extend_from_slice(&[0; 8]);
        body.push(self.kind.byte());
        body.extend_from_slice(&self.version.to_le_bytes());
        for length in [self.key.len(), self.text.len()] {
            // a text is at most a few MiB
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            body.extend_from_slice(&length.to_le_bytes());
        }
        body.extend_from_slice(self.key.as_bytes());
        body.extend_from_slice(self.text);
        let sum = body.get(16..).map(checksum).unwrap_or_default();
        if let Some(place) = body.get_mut(8..16) {
            place.copy_from_slice(&sum);
        }
        body
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Says what is wrong with the bytes.
    pub fn read(bytes: &'a [u8]) -> Result<Record<'a>, &'static str> {
        let (record, rest) = frame(bytes).ok_or("its checksum does not match")?;
        if rest.is_empty() {
            Ok(record)
        } else {
            Err("the record is longer than it says")
        }
    }

    /// Reads the text that is stored under a key: a record of that key, or, as earlier versions stored it, the text
    /// alone.
    ///
    /// # Errors
    /// Says what is wrong with the bytes.
    pub fn text_of(bytes: &'a [u8], key: &str) -> Result<&'a [u8], &'static str> {
        if matches!(bytes.first(), None | Some(b'{')) {
            return Ok(bytes);
        }
        let record = Record::read(bytes)?;
        if record.key == key {
            Ok(record.text)
        } else {
            Err("the record is of another key")
        }
    }
}

fn checksum(body: &[u8]) -> [u8; 8] {
    let hash = Sha256::digest(body);
    let mut sum = [0; 8];
    for (to, from) in sum.iter_mut().zip(hash) {
        *to = from;
    }
    sum
}

/// Reads a record at the beginning of some bytes; returns it and what follows.
fn frame(bytes: &[u8]) -> Option<(Record<'_>, &[u8])> {
    let (sum, body) = bytes.strip_prefix(&MAGIC)?.split_at_checked(8)?;
    let (kind, rest) = body.split_first()?;
    let (version, rest) = rest.split_first_chunk()?;
    let (key_length, rest) = rest.split_first_chunk()?;
    let (text_length, rest) = rest.split_first_chunk()?;
    let length = |bytes: &[u8; 4]| usize::try_from(u32::from_le_bytes(*bytes)).ok();
    let (key, rest) = rest.split_at_checked(length(key_length)?)?;
    let (text, rest) = rest.split_at_checked(length(text_length)?)?;
    let body = body.get(..body.len().checked_sub(rest.len())?)?;
    if checksum(body) != *sum {
        return None;
    }
    let record = Record {
        kind: Kind::of(*kind)?,
        version: u64::from_le_bytes(*version),
        key: std::str::from_utf8(key).ok()?,
        text,
    };
    Some((record, rest))
}

/// What was found at a place that looks like a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<'a> {
    /// A record.
    Whole(Record<'a>),
    /// A record with a wrong checksum: its version and key, if they can be read and look like it.
    Damaged(Option<(u64, &'a str)>),
}

/// Finds the records in the bytes of a file.
pub fn find(file: &[u8]) -> impl Iterator<Item = Found<'_>> {
    let mut rest = file;
    std::iter::from_fn(move || {
        loop {
            let at = rest.iter().position(|byte| *byte == MAGIC[0])?;
            let here = rest.get(at..)?;
            if !here.starts_with(&MAGIC) {
                rest = here.get(1..)?;
                continue;
            }
            if let Some((record, after)) = frame(here) {
                rest = after;
                return Some(Found::Whole(record));
            }
            rest = here.get(MAGIC.len()..)?;
            return Some(Found::Damaged(damaged(here)));
        }
    })
}

/// Version and key of a record with a wrong checksum, if the key looks like one.
fn damaged(bytes: &[u8]) -> Option<(u64, &str)> {
    let version = u64::from_le_bytes(*bytes.get(17..25)?.first_chunk()?);
    let length = bytes.get(25..29)?.first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let key = std::str::from_utf8(bytes.get(HEAD..)?.get(..length)?).ok()?;
    let is_key =
        key.contains('/') && key.len() < 1024 && key.bytes().all(|byte| byte.is_ascii_graphic());
    is_key.then_some((version, key))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: Record<'_> = Record {
        kind: Kind::Change,
        version: 7,
        key: "g/things/a",
        text: b"{\"a\":1}",
    };

    #[test]
    fn record_with_any_flipped_bit_is_refused() {
        let bytes = RECORD.write();
        assert_eq!(Record::read(&bytes), Ok(RECORD));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::read(&flipped).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Record::read(&bytes[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn records_are_found_between_other_bytes() {
        let mut file = vec![0xf1; 9];
        file.extend(RECORD.write());
        file.extend(b"\xf1icache");
        let mut other = RECORD.write();
        let last = other.len() - 1;
        other[last] ^= 1;
        file.extend(other);
        file.extend(RECORD.write());
        let found: Vec<_> = find(&file).collect();
        let damaged = Found::Damaged(Some((7, "g/things/a")));
        assert_eq!(found, [Found::Whole(RECORD), damaged, Found::Whole(RECORD)]);
    }

    #[test]
    fn text_of_reads_records_and_plain_texts() {
        assert_eq!(Record::text_of(b"{}", "k"), Ok(&b"{}"[..]));
        let bytes = RECORD.write();
        assert_eq!(Record::text_of(&bytes, RECORD.key), Ok(RECORD.text));
        assert!(Record::text_of(&bytes, "g/things/b").is_err());
        assert!(Record::text_of(b"[]", "k").is_err());
    }
}
