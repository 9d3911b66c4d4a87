//! The caches of a cluster, in the form that a host has them.

use serde_json::Value;

use super::pod::Found;
use crate::diagnostic::{Levels, Report};
use crate::matching::{Cache, Index, Pod, Rules, Scratch};
use crate::reference::Named;

/// The caches of a cluster, in the form that a host has them. The verdict is the same for each.
#[derive(Debug, Clone)]
pub enum Caches<'a> {
    /// Held ready by the host.
    Index(&'a Index),
    /// `ImageCache` objects.
    Objects(&'a [Value]),
    /// The text of a Kubernetes list of `ImageCache` objects. Items that cannot concern the pod are passed over
    /// without being read; ids are taken to be unique, as ECI's are.
    Text(Vec<u8>),
}

impl Caches<'_> {
    /// The cache that a pod gets. A broken cache hides no other.
    ///
    /// # Errors
    /// A sentence that says why the text is no list.
    pub(super) fn winner(&self, pod: &Pod, rules: &Rules) -> Result<Found, String> {
        let mut scratch = Scratch::default();
        let index = match self {
            Caches::Index(index) => return Ok(index.winner(pod, rules, &mut scratch).into()),
            Caches::Objects(objects) => objects.iter().filter_map(read).collect::<Index>(),
            Caches::Text(text) => {
                let text = str::from_utf8(text).map_err(|_| "the list is not UTF-8".to_owned())?;
                let near = Near::to(pod);
                let items = Items::of(text).ok_or("the answer is no list of objects")?;
                let mut caches = Vec::new();
                for item in items {
                    let item = item.ok_or("the list is cut off")?;
                    if near.concerns(item) {
                        let value = serde_json::from_str(item).ok();
                        caches.extend(value.as_ref().and_then(read));
                    }
                }
                caches.into_iter().collect()
            }
        };
        Ok(index.winner(pod, rules, &mut scratch).into())
    }
}

fn read(object: &Value) -> Option<Cache> {
    let levels = Levels::default();
    Cache::read(object, &mut Report::new(&levels))
}

/// What the text of a cache must contain for the cache to concern a pod: the path of one of its images (the same
/// repository has it in every spelling of a reference), or the id that the pod names.
struct Near {
    words: Vec<String>,
}

impl Near {
    fn to(pod: &Pod) -> Self {
        let path = |text: &str| {
            let path = Named::parse(text).ok()?.path().into_owned();
            Some(
                path.strip_prefix("library/")
                    .map_or(path.clone(), str::to_owned),
            )
        };
        let images = pod.images().iter().filter_map(|image| path(image.text()));
        Near {
            words: images.chain(pod.wish.explicit.clone()).collect(),
        }
    }

    /// An escape may hide a word, so a text with one is read.
    fn concerns(&self, item: &str) -> bool {
        item.contains('\\') || self.words.iter().any(|word| item.contains(word.as_str()))
    }
}

/// The items of a JSON list object, each as its text, without reading them: brackets are counted, strings stepped
/// over. Yields `None` once where the text ends too early.
struct Items<'a> {
    text: &'a str,
    at: usize,
    done: bool,
}

impl<'a> Items<'a> {
    /// Finds `items` in the object; without it the list is empty. `None` for anything but an object.
    fn of(text: &'a str) -> Option<Self> {
        let mut items = Items {
            text,
            at: 0,
            done: false,
        };
        items.expect(b'{')?;
        if items.expect(b'}').is_some() {
            return Some(Items {
                done: true,
                ..items
            });
        }
        loop {
            let key = items.value()?;
            items.expect(b':')?;
            if key == "\"items\"" && items.expect(b'[').is_some() {
                items.done = items.expect(b']').is_some();
                return Some(items);
            }
            items.value()?;
            if items.expect(b',').is_none() {
                items.expect(b'}')?;
                return Some(Items {
                    done: true,
                    ..items
                });
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        self.skip_space();
        (self.peek()? == wanted).then(|| self.at += 1)
    }

    /// The text of the value that comes next; steps over it.
    fn value(&mut self) -> Option<&'a str> {
        self.skip_space();
        let start = self.at;
        match self.peek()? {
            b'"' => self.string()?,
            b'{' | b'[' => self.nested()?,
            _ => {
                let ends = |byte: u8| b",]}: \n\r\t\"".contains(&byte);
                while self.peek().is_some_and(|byte| !ends(byte)) {
                    self.at += 1;
                }
            }
        }
        self.text
            .get(start..self.at)
            .filter(|text| !text.is_empty())
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(())
    }

    fn nested(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Option<&'a str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.value();
        self.done = match item {
            None => true,
            Some(_) if self.expect(b',').is_some() => false,
            Some(_) if self.expect(b']').is_some() => true,
            Some(_) => {
                self.done = true;
                return Some(None);
            }
        };
        Some(item)
    }
}
