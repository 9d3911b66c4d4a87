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
                let mut near = near(text, pod).into_iter().peekable();
                let mut items = Items::of(text).ok_or("the answer is no list of objects")?;
                let mut caches = Vec::new();
                while let Some(item) = items.next() {
                    let item = item.ok_or("the list is cut off")?;
                    // Items come in order, and so do the places.
                    let end = text.len().saturating_sub(items.rest.len());
                    let mut concerns = false;
                    while near.next_if(|place| *place < end).is_some() {
                        concerns = true;
                    }
                    if concerns {
                        let value = serde_json::from_slice(item.as_bytes()).ok();
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
/// repository has it in every spelling of a reference), or the id that the pod names. An escape may hide either, so
/// a text with one counts as well.
fn near(text: &str, pod: &Pod) -> Vec<usize> {
    let path = |text: &str| {
        let path = Named::parse(text).ok()?.path().into_owned();
        Some(
            path.strip_prefix("library/")
                .map_or(path.clone(), str::to_owned),
        )
    };
    let images = pod.images().iter().filter_map(|image| path(image.text()));
    let words = images.chain(pod.wish.explicit.clone());
    // One search over the whole text for each word costs less than one for each item.
    let mut places = Vec::new();
    places.extend(text.match_indices('\\').map(|(at, _)| at));
    for word in words {
        places.extend(text.match_indices(word.as_str()).map(|(at, _)| at));
    }
    places.sort_unstable();
    places
}

/// The items of a JSON list object, each as its text, without reading them: brackets are counted, strings stepped
/// over. Yields `None` once where the text ends too early.
struct Items<'a> {
    rest: &'a str,
    done: bool,
}

impl<'a> Items<'a> {
    /// Finds `items` in the object; without it, or where it is null, the list is empty. `None` for anything but an
    /// object, and where `items` is anything else.
    fn of(text: &'a str) -> Option<Self> {
        let mut items = Items {
            rest: text,
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
            let value = items.value()?;
            if key == "\"items\"" && value != "null" {
                return None;
            }
            if items.expect(b',').is_none() {
                items.expect(b'}')?;
                return Some(Items {
                    done: true,
                    ..items
                });
            }
        }
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        self.rest = self.rest.trim_ascii_start();
        let (first, rest) = self.rest.split_at_checked(1)?;
        if first.as_bytes() != [wanted] {
            return None;
        }
        self.rest = rest;
        Some(())
    }

    /// The text of the value that comes next; steps over it.
    fn value(&mut self) -> Option<&'a str> {
        self.rest = self.rest.trim_ascii_start();
        let bytes = self.rest.as_bytes();
        let length = match bytes.first()? {
            b'"' => 1 + string(bytes.get(1..)?)?,
            b'{' | b'[' => nested(bytes)?,
            _ => bytes
                .iter()
                .position(|byte| b",]}: \n\r\t\"".contains(byte))
                .unwrap_or(bytes.len()),
        };
        let (value, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (!value.is_empty()).then_some(value)
    }
}

/// Length of the rest of a string, with its closing quote.
fn string(bytes: &[u8]) -> Option<usize> {
    let mut escaped = false;
    let end = bytes.iter().position(|byte| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    });
    Some(end? + 1)
}

/// Length of an object or array.
fn nested(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut inside, mut escaped) = (0_usize, false, false);
    let end = bytes.iter().position(|byte| {
        if inside {
            inside = *byte != b'"' || escaped;
            escaped = *byte == b'\\' && !escaped;
            return false;
        }
        match byte {
            b'"' => inside = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => return false,
        }
        depth == 0
    });
    Some(end? + 1)
}

impl<'a> Iterator for Items<'a> {
    type Item = Option<&'a str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let item = self.value();
        self.done = item.is_none() || self.expect(b',').is_none();
        // Behind the last item the list must end.
        let cut = self.done && item.is_some() && self.expect(b']').is_none();
        Some(item.filter(|_| !cut))
    }
}
