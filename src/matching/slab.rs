//! A slab of rows with stable numbers and a hash index.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher, Hasher};

/// Hashes a key given in parts. `SipHash` with a fixed key gives the same hash in every run, and names with equal hashes
/// are hard to construct.
pub(super) fn hash(parts: &[&str]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write(part.as_bytes());
    }
    hasher.finish()
}

/// A hasher for keys that are hashes already.
#[derive(Debug, Clone, Default)]
struct Ready(u64);

impl Hasher for Ready {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

/// A slab of rows. The number of a removed row is used again. Rows with the same hash form a chain.
#[derive(Debug, Clone)]
pub(super) struct Table<T> {
    rows: Vec<Option<Row<T>>>,
    free: Vec<usize>,
    first: HashMap<u64, usize, BuildHasherDefault<Ready>>,
}

#[derive(Debug, Clone)]
struct Row<T> {
    hash: u64,
    next: Option<usize>,
    value: T,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table {
            rows: Vec::new(),
            free: Vec::new(),
            first: HashMap::default(),
        }
    }
}

impl<T> Table<T> {
    /// Returns one more than the highest number in use.
    pub(super) fn numbers(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len() - self.free.len()
    }

    /// Reserves capacity for this many more rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.rows.reserve(rows);
        self.first.reserve(rows);
    }

    pub(super) fn get(&self, number: usize) -> Option<&T> {
        Some(&self.rows.get(number)?.as_ref()?.value)
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut T> {
        Some(&mut self.rows.get_mut(number)?.as_mut()?.value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &T)> {
        let rows = self.rows.iter().enumerate();
        rows.filter_map(|(number, row)| Some((number, &row.as_ref()?.value)))
    }

    /// Returns the number of the row with this hash for which `same` returns true.
    pub(super) fn find(&self, hash: u64, same: impl Fn(&T) -> bool) -> Option<usize> {
        let mut at = self.first.get(&hash).copied();
        while let Some(number) = at {
            let row = self.rows.get(number)?.as_ref()?;
            if same(&row.value) {
                return at;
            }
            at = row.next;
        }
        None
    }

    /// Adds a row and returns its number. No row may have its key yet.
    pub(super) fn add(&mut self, hash: u64, value: T) -> usize {
        let number = self.free.pop().unwrap_or(self.rows.len());
        let next = self.first.insert(hash, number);
        let row = Some(Row { hash, next, value });
        match self.rows.get_mut(number) {
            Some(place) => *place = row,
            None => self.rows.push(row),
        }
        number
    }

    pub(super) fn remove(&mut self, number: usize) -> Option<T> {
        let row = self.rows.get_mut(number)?.take()?;
        self.free.push(number);
        if self.first.get(&row.hash) == Some(&number) {
            match row.next {
                Some(next) => self.first.insert(row.hash, next),
                None => self.first.remove(&row.hash),
            };
            return Some(row.value);
        }
        let mut at = self.first.get(&row.hash).copied();
        while let Some(before) = at.and_then(|at| self.rows.get_mut(at)?.as_mut()) {
            if before.next == Some(number) {
                before.next = row.next;
                break;
            }
            at = before.next;
        }
        Some(row.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slab_rows_with_equal_hashes_stay_distinct() {
        let mut table = Table::default();
        let numbers: Vec<_> = ["a", "b", "c"]
            .iter()
            .map(|name| table.add(7, *name))
            .collect();
        let find = |table: &Table<&str>, name| table.find(7, |row| *row == name);
        assert_eq!(find(&table, "b"), Some(numbers[1]));
        assert_eq!(table.remove(numbers[1]), Some("b"));
        assert_eq!(table.remove(numbers[1]), None);
        assert_eq!(find(&table, "b"), None);
        assert_eq!(find(&table, "a"), Some(numbers[0]));
        assert_eq!(find(&table, "c"), Some(numbers[2]));
        assert_eq!(table.remove(numbers[2]), Some("c"));
        assert_eq!(find(&table, "a"), Some(numbers[0]));
        assert_eq!(
            table.add(7, "d"),
            numbers[2],
            "a freed number is used again"
        );
        assert_eq!(table.remove(numbers[0]), Some("a"));
        assert_eq!(find(&table, "d"), Some(numbers[2]));
        assert_eq!((table.len(), table.numbers()), (1, 3));
    }
}
