//! The items of a JSON list, as text: brackets are counted, strings stepped over, and nothing is read into values. A
//! cluster may have thousands of caches, of which a pod concerns two.

/// An item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item<'a> {
    /// Its JSON.
    pub(super) text: &'a str,
    /// Does a string in it name one of the words? A string with an escape may name anything.
    pub(super) concerns: bool,
}

/// The items of a list. Yields `None` once where the text ends too early.
pub(super) struct Items<'a> {
    text: &'a str,
    words: &'a [String],
    at: usize,
    done: bool,
}

impl<'a> Items<'a> {
    /// Finds `items` in the object; without it, or where it is null, the list is empty. `None` for anything but an
    /// object, and where `items` is anything else.
    ///
    /// A word is named where it is at the beginning of a string or after a slash, and no letter of a name follows
    /// it: `shop/web` in `registry.example.com/shop/web:1`, and not in `shop/web-admin:1`.
    pub(super) fn of(text: &'a str, words: &'a [String]) -> Option<Self> {
        let mut items = Items {
            text,
            words,
            at: 0,
            done: false,
        };
        items.expect(b'{')?;
        items.done = items.expect(b'}').is_some();
        while !items.done {
            let key = items.value()?;
            items.expect(b':')?;
            let is_items = key.text == "\"items\"";
            if is_items && items.expect(b'[').is_some() {
                items.done = items.expect(b']').is_some();
                break;
            }
            let value = items.value()?;
            if is_items && value.text != "null" {
                return None;
            }
            if items.expect(b',').is_none() {
                items.expect(b'}')?;
                items.done = true;
            }
        }
        Some(items)
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        let blank = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace());
        self.at += blank.count();
        (self.rest().first() == Some(&wanted)).then(|| self.at += 1)
    }

    /// Steps over the value that comes next.
    fn value(&mut self) -> Option<Item<'a>> {
        let blank = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace());
        self.at += blank.count();
        let (start, rest) = (self.at, self.rest());
        let concerns = match rest.first()? {
            b'"' => {
                self.at += 1;
                self.string()?
            }
            b'{' | b'[' => self.nested()?,
            _ => {
                let ends = |byte: &u8| b",]}: \n\r\t\"".contains(byte);
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
                false
            }
        };
        let text = self.text.get(start..self.at)?;
        (!text.is_empty()).then_some(Item { text, concerns })
    }

    /// Steps over an object or array.
    fn nested(&mut self) -> Option<bool> {
        let (mut depth, mut concerns) = (0_usize, false);
        loop {
            let mark = |byte: &u8| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']');
            let rest = self.rest();
            let place = rest.iter().position(mark)?;
            self.at += place + 1;
            match rest.get(place)? {
                b'"' => concerns |= self.string()?,
                b'{' | b'[' => depth += 1,
                _ => depth = depth.saturating_sub(1),
            }
            if depth == 0 {
                return Some(concerns);
            }
        }
    }

    /// Steps over the rest of a string, with its closing quote.
    fn string(&mut self) -> Option<bool> {
        let mut concerns = self.names_a_word();
        loop {
            let rest = self.rest();
            let place = quote_slash_or_escape(rest)?;
            self.at += place + 1;
            match rest.get(place)? {
                b'"' => return Some(concerns),
                b'/' => concerns |= self.names_a_word(),
                _ => {
                    concerns = true;
                    self.at += 1;
                }
            }
        }
    }

    fn names_a_word(&self) -> bool {
        let rest = self.rest();
        self.words.iter().map(String::as_bytes).any(|word| {
            // Most strings differ in the first byte, and a comparison of slices costs much more than one of bytes.
            (word.is_empty() || word.first() == rest.first())
                && rest.starts_with(word)
                && !rest.get(word.len()).is_some_and(|next| goes_on(*next))
        })
    }
}

/// Whether a path or an id goes on with this byte.
fn goes_on(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/')
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;
// Eight times `"`, `/` and `\\`.
const QUOTES: u64 = 0x2222_2222_2222_2222;
const SLASHES: u64 = 0x2f2f_2f2f_2f2f_2f2f;
const ESCAPES: u64 = 0x5c5c_5c5c_5c5c_5c5c;

/// The first `"`, `/` or `\`. Most of a list is strings: eight bytes are looked at in one go.
fn quote_slash_or_escape(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut rest = bytes;
    while let Some((eight, behind)) = rest.split_first_chunk::<8>() {
        let eight = u64::from_le_bytes(*eight);
        let found = zeros(eight ^ QUOTES) | zeros(eight ^ SLASHES) | zeros(eight ^ ESCAPES);
        if found != 0 {
            return Some(at + usize::try_from(found.trailing_zeros() / 8).unwrap_or_default());
        }
        (at, rest) = (at + 8, behind);
    }
    let last = rest
        .iter()
        .position(|byte| matches!(byte, b'"' | b'/' | b'\\'))?;
    Some(at + last)
}

/// The highest bit of the lowest byte that is zero. Bits above that one say nothing.
const fn zeros(eight: u64) -> u64 {
    eight.wrapping_sub(ONES) & !eight & HIGHS
}

impl<'a> Iterator for Items<'a> {
    type Item = Option<Item<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.value();
        self.done = item.is_none() || self.expect(b',').is_none();
        // After the last item the list must end.
        let cut = self.done && item.is_some() && self.expect(b']').is_none();
        Some(item.filter(|_| !cut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concerned(list: &str, word: &str) -> Vec<bool> {
        let words = [word.to_owned()];
        let items = Items::of(list, &words).unwrap();
        items.map(|item| item.unwrap().concerns).collect()
    }

    #[test]
    fn list_scanner_finds_whole_words_only() {
        for (text, named) in [
            ("shop/web", true),
            ("shop/web:1", true),
            ("shop/web@sha256:0", true),
            ("registry.example.com:5000/shop/web:1", true),
            ("a/shop/web", true),
            ("workshop/web", false),
            ("shop/web-admin", false),
            ("shop/web/admin:1", false),
            ("shop/webs", false),
            ("shop", false),
            ("shop:web", false),
            ("\\u0073hop/web", true),
            ("", false),
        ] {
            let list = format!(r#"{{"items":[{{"a":["x","{text}"]}},"{text}",7]}}"#);
            assert_eq!(
                concerned(&list, "shop/web"),
                [named, named, false],
                "{text}"
            );
        }
    }

    /// The long way: every byte by itself.
    #[test]
    fn list_scanner_agrees_with_byte_search() {
        let alphabet = [
            "a", "\"", "/", "\\", "\u{1}", "\u{21}", "\u{23}", "!", "é", "\u{a2}", ".",
        ];
        let mut state = 1_usize;
        for length in 0..200 {
            let mut text = String::new();
            for _ in 0..length % 29 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let sparse = if state >> 60 & 3 == 0 {
                    alphabet.len()
                } else {
                    1
                };
                text.push_str(alphabet[(state >> 33) % sparse]);
            }
            let slow = text
                .bytes()
                .position(|byte| matches!(byte, b'"' | b'/' | b'\\'));
            assert_eq!(quote_slash_or_escape(text.as_bytes()), slow, "{text:?}");
        }
    }
}
