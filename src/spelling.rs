//! Suggestions for misspelt words.

/// The maximum length of a word that gets a suggestion, in bytes. The longest known word has 30.
const LONGEST: usize = 40;

/// Returns the known word that is nearest to `word`, if one is near: equal except for upper case, `-` and `_`, or with at
/// most two wrong letters (one in words of up to eight letters). Of two equally near words it returns the first.
///
/// ```
/// use imagecache::validate::nearest;
/// assert_eq!(nearest("retention_days", ["images", "retentionDays"]), Some("retentionDays"));
/// assert_eq!(nearest("imagse", ["images", "retentionDays"]), Some("images"));
/// assert_eq!(nearest("colour", ["images", "retentionDays"]), None);
/// ```
pub fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = Letters::of(word)?;
    let limit = if word.length <= 8 { 1 } else { 2 };
    known
        .into_iter()
        // No known word has more than three `-` or `_`.
        .filter(|known| {
            known.len() + limit >= word.length && known.len() <= word.length + limit + 3
        })
        .filter_map(|known| Some((distance(&word, &Letters::of(known)?, limit)?, known)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// A word in lower case without `-` and `_`, on the stack.
struct Letters {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Letters {
    fn of(word: &str) -> Option<Self> {
        let mut letters = Letters {
            bytes: [0; LONGEST],
            length: 0,
        };
        if word.len() > LONGEST {
            return None;
        }
        let kept = word.bytes().filter(|byte| !matches!(byte, b'-' | b'_'));
        for (slot, byte) in letters.bytes.iter_mut().zip(kept) {
            *slot = byte.to_ascii_lowercase();
            letters.length += 1;
        }
        Some(letters)
    }

    fn get(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Returns the number of insertions, deletions, replacements and swaps of neighbours between `a` and `b` (optimal string
/// alignment), or `None` above `limit`. Only cells that can stay within the limit are filled.
fn distance(a: &Letters, b: &Letters, limit: usize) -> Option<usize> {
    let (a, b) = (a.get(), b.get());
    if a.len().abs_diff(b.len()) > limit {
        return None;
    }
    let beyond = u8::try_from(limit + 1).ok()?;
    // Rows of the table of distances: two above, one above, and the one being filled.
    let mut rows = [[beyond; LONGEST + 1]; 3];
    for (cell, column) in rows.get_mut(1)?.iter_mut().zip(0..beyond) {
        *cell = column;
    }
    let mut before_a = None;
    let mut nearest_above = 0;
    for (line, &letter_a) in a.iter().enumerate() {
        let [above_two, above, row] = &mut rows;
        row.fill(beyond);
        *row.first_mut()? = u8::try_from(line + 1).ok()?.min(beyond);
        let mut nearest = *row.first()?;
        let first = line.saturating_sub(limit);
        let mut before_b = first
            .checked_sub(1)
            .and_then(|before| b.get(before))
            .copied();
        for (column, &letter_b) in b.iter().enumerate().skip(first).take(2 * limit + 1) {
            let replaced = above.get(column)? + u8::from(letter_a != letter_b);
            let changed = above.get(column + 1)?.min(row.get(column)?) + 1;
            let mut best = replaced.min(changed);
            if before_a == Some(letter_b) && before_b == Some(letter_a) {
                best = best.min(above_two.get(column.checked_sub(1)?)? + 1);
            }
            *row.get_mut(column + 1)? = best.min(beyond);
            nearest = nearest.min(best);
            before_b = Some(letter_b);
        }
        // A swap reaches over one row: both must be out of reach.
        if nearest >= beyond && nearest_above + 1 >= beyond {
            return None;
        }
        nearest_above = nearest;
        before_a = Some(letter_a);
        rows.rotate_left(1);
    }
    let distance = *rows.get(1)?.get(b.len())?;
    (distance < beyond).then_some(usize::from(distance))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FIELDS: [&str; 4] = [
        "images",
        "imagePullSecrets",
        "imageCacheSize",
        "retentionDays",
    ];

    #[test]
    fn nearest_finds_names_with_small_typos() {
        for (word, meant) in [
            ("image", Some("images")),
            ("Images", Some("images")),
            ("imagse", Some("images")),
            ("imags", Some("images")),
            ("retention_days", Some("retentionDays")),
            ("retention-day", Some("retentionDays")),
            ("imageCachesize", Some("imageCacheSize")),
            ("imagecacheSizes", Some("imageCacheSize")),
            ("imagePullSecret", Some("imagePullSecrets")),
            ("imagesPullSecrets", Some("imagePullSecrets")),
            ("size", None),
            ("", None),
            ("flash", None),
            ("retention", None),
        ] {
            assert_eq!(nearest(word, FIELDS), meant, "{word}");
        }
    }

    /// The recursive definition.
    fn slow_distance(a: &[u8], b: &[u8]) -> usize {
        let (Some((last_a, rest_a)), Some((last_b, rest_b))) = (a.split_last(), b.split_last())
        else {
            return a.len().max(b.len());
        };
        let mut best = (slow_distance(rest_a, rest_b) + usize::from(last_a != last_b))
            .min(slow_distance(rest_a, b) + 1)
            .min(slow_distance(a, rest_b) + 1);
        if let (Some((before_a, start_a)), Some((before_b, start_b))) =
            (rest_a.split_last(), rest_b.split_last())
            && before_a == last_b
            && before_b == last_a
        {
            best = best.min(slow_distance(start_a, start_b) + 1);
        }
        best
    }

    proptest! {
        #[test]
        fn distance_equals_the_recursive_definition(a in "[abc]{0,6}", b in "[abc]{0,6}") {
            let slow = slow_distance(a.as_bytes(), b.as_bytes());
            for limit in 0..=6 {
                let fast = distance(&Letters::of(&a).unwrap(), &Letters::of(&b).unwrap(), limit);
                prop_assert_eq!(fast, Some(slow).filter(|slow| *slow <= limit), "limit {}", limit);
            }
        }
    }
}
