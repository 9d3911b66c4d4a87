//! Reports changes while `imagecache dev` runs: a bar for each cache in progress on a terminal, plain lines elsewhere, and
//! a line for each Event of the cluster.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write};

use imagecache::reconcile::READY;
use imagecache::resource::{GROUP, ImageCache, PLURAL, Phase, Status, VERSION};
use imagecache_apiserver::cluster::Cluster;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::console::visible;

/// The screen for reports. The log uses it too, so that lines do not mix.
#[derive(Debug, Clone)]
pub(super) struct Screen {
    bars: MultiProgress,
    live: bool,
}

impl Screen {
    /// Standard error.
    pub(super) fn new() -> Self {
        let live = io::stderr().is_terminal();
        let target = if live {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        Screen {
            bars: MultiProgress::with_draw_target(target),
            live,
        }
    }

    fn line(&self, text: &str) {
        self.bars.suspend(|| crate::console::note(&visible(text)));
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bars.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Follows the caches and the Events of a cluster until `stop`.
pub(super) async fn follow(cluster: Cluster, screen: Screen, stop: CancellationToken) {
    let caches = caches(&cluster, &screen);
    let events = events(&cluster, &screen);
    let both = futures_util::future::join(caches, events);
    stop.run_until_cancelled(both).await;
    let _ = screen.bars.clear();
}

/// One change of a collection after another: the object, and whether it is gone.
async fn each(
    cluster: &Cluster,
    (group, version, plural): (&str, &str, &str),
    mut tell: impl FnMut(&Value, bool),
) {
    let Ok(place) = cluster.place((group, version, plural), None, None) else {
        return;
    };
    let mut version = cluster.store().version();
    loop {
        let mut watch = cluster.watch(&place, version);
        while let Ok(changes) = watch.next().await {
            for change in &changes {
                tell(&place.show(&change.object), change.deleted);
            }
        }
        // The watch is too old; changes in between are lost.
        version = cluster.store().version();
    }
}

async fn caches(cluster: &Cluster, screen: &Screen) {
    let mut told = BTreeMap::new();
    let mut bars: BTreeMap<String, ProgressBar> = BTreeMap::new();
    each(cluster, (GROUP, VERSION, PLURAL), |object, deleted| {
        let Ok(cache) = serde_json::from_value::<ImageCache>(object.clone()) else {
            return;
        };
        let name = cache.metadata.name.clone().unwrap_or_default();
        let state = State::of(object, &cache, deleted);
        if told.insert(name.clone(), state.clone()).as_ref() == Some(&state) {
            return;
        }
        if deleted {
            told.remove(&name);
        }
        if !screen.live || state.settled {
            if let Some(bar) = bars.remove(&name) {
                screen.bars.remove(&bar);
            }
            screen.line(&format!("imagecache/{name}  {}", state.text()));
            return;
        }
        let bar = bars.entry(name).or_insert_with_key(|name| {
            let bar = screen.bars.add(ProgressBar::new(100));
            if let Ok(style) =
                ProgressStyle::with_template("imagecache/{prefix}  {msg:10} {bar:30} {pos:>3}%")
            {
                bar.set_style(style);
            }
            bar.set_prefix(visible(name).into_owned());
            bar
        });
        bar.set_message(state.phase.clone());
        bar.set_position(state.percent.into());
    })
    .await;
}

/// The reason of the condition that pods can start from it, or cannot.
fn reason(object: &Value) -> Option<&str> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let ready = conditions
        .iter()
        .find(|condition| condition.get("type").and_then(Value::as_str) == Some(READY))?;
    ready.get("reason")?.as_str()
}

/// The reported state of a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    phase: String,
    percent: u8,
    settled: bool,
}

impl State {
    fn of(object: &Value, cache: &ImageCache, deleted: bool) -> Self {
        // An expired cache has no phase; the condition has the reason.
        let ended = || object.pointer("/status/imageCacheId").and(reason(object));
        let phase = match cache.phase() {
            Some(phase) => phase.as_str(),
            None => ended().unwrap_or(Phase::Pending.as_str()),
        };
        let settled = cache.phase().is_some_and(Phase::is_settled) || ended().is_some();
        let percent = cache.status.as_ref().and_then(Status::percent);
        let leaving = cache.metadata.deletion_timestamp.is_some();
        State {
            phase: match (deleted, leaving) {
                (true, _) => "deleted".to_owned(),
                (false, true) => "Terminating".to_owned(),
                (false, false) => phase.to_owned(),
            },
            percent: percent.unwrap_or(0),
            settled: deleted || leaving || settled,
        }
    }

    fn text(&self) -> String {
        if self.settled || self.percent == 0 {
            self.phase.clone()
        } else {
            format!("{} {}%", self.phase, self.percent)
        }
    }
}

async fn events(cluster: &Cluster, screen: &Screen) {
    each(cluster, ("", "v1", "events"), |event, deleted| {
        if !deleted {
            screen.line(&told(event));
        }
    })
    .await;
}

fn told(event: &Value) -> String {
    let text = |path: &str| {
        event
            .pointer(path)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let kind = text("/involvedObject/kind").to_lowercase();
    let (name, reason, message) = (
        text("/involvedObject/name"),
        text("/reason"),
        text("/message"),
    );
    format!("{kind}/{name}  {reason}: {message}").replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use imagecache::resource::ImageCache;
    use serde_json::{Value, json};

    use super::{State, told};

    #[test]
    fn progress_line_has_phase_and_percentage() {
        for (status, deleted, text, settled) in [
            (json!(null), false, "Pending", false),
            (
                json!({"phase": "Preparing", "progress": "0%"}),
                false,
                "Preparing",
                false,
            ),
            (
                json!({"phase": "Creating", "progress": "40%"}),
                false,
                "Creating 40%",
                false,
            ),
            (
                json!({"phase": "Creating", "progress": "many"}),
                false,
                "Creating",
                false,
            ),
            (
                json!({"phase": "Ready", "progress": "100%"}),
                false,
                "Ready",
                true,
            ),
            (json!({"phase": "Failed"}), false, "Failed", true),
            (
                json!({
                    "imageCacheId": "imc-1",
                    "conditions": [{"type": "Ready", "status": "False", "reason": "Expired"}],
                }),
                false,
                "Expired",
                true,
            ),
            (json!({"phase": "Ready"}), true, "deleted", true),
        ] {
            let object =
                json!({"metadata": {"name": "a"}, "spec": {"images": []}, "status": status});
            let mut object: Value = object;
            if object["status"].is_null() {
                object.as_object_mut().unwrap().remove("status");
            }
            let cache: ImageCache = serde_json::from_value(object.clone()).unwrap();
            let state = State::of(&object, &cache, deleted);
            assert_eq!((state.text().as_str(), state.settled), (text, settled));
        }
    }

    #[test]
    fn an_event_is_one_line() {
        let event = json!({
            "involvedObject": {"kind": "Pod", "name": "web"}, "reason": "SuccessfulHitImageCache",
            "message": "hit\nimc-1",
        });
        assert_eq!(told(&event), "pod/web  SuccessfulHitImageCache: hit imc-1");
    }
}
