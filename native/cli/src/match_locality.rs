//! `imagecache match --profile locality`: the score that Kubernetes' scheduler gives each node for a pod.

use anyhow::Context;
use imagecache::matching::{LocalityInventory, PodImages, PodScores};
use rayon::prelude::*;

use crate::console::{self, Console, UNWRITABLE, visible};
use crate::exit::Exit;
use crate::input::Input;
use crate::match_pods::Form;
use crate::report::count;
use crate::{documents, encode, table};

/// Prints the score of each node for each pod. Returns `Failure` if an input, or a part of one, could not be read.
pub(crate) fn run(inputs: &[Input], form: Form, console: &mut Console) -> anyhow::Result<Exit> {
    let taken = documents::take(inputs, |value, report| {
        let mut inventory = LocalityInventory::default();
        inventory.add(value, report);
        inventory
    });
    let mut inventory = LocalityInventory::default();
    for part in taken.parts {
        inventory.pods.extend(part.pods);
        inventory.nodes.extend(part.nodes);
        inventory.others += part.others;
        inventory.unreadable += part.unreadable;
    }
    let repeated = inventory.merge_nodes();
    for node in &repeated {
        console::complain(&format!(
            "node `{node}` is a duplicate, with different images"
        ));
    }
    if let Some(missing) = missing(&inventory) {
        console::complain(&missing);
        return Ok(Exit::Failure);
    }
    let scores: Vec<PodScores> = inventory
        .pods
        .par_iter()
        .map(|pod: &PodImages| inventory.scores(pod))
        .collect();
    let text = match form {
        Form::Text => rows(&scores),
        Form::Json => encode::json(&scores)?,
        Form::Yaml => encode::yaml(&scores)?,
        Form::Name => best(&scores),
    };
    console.document(&text).context(UNWRITABLE)?;
    let complete = !taken.incomplete && inventory.unreadable == 0 && repeated.is_empty();
    Ok(if complete { Exit::Ok } else { Exit::Failure })
}

/// Returns an error message if there is nothing to score.
fn missing(inventory: &LocalityInventory) -> Option<String> {
    let wanted = match (inventory.pods.is_empty(), inventory.nodes.is_empty()) {
        (false, false) => return None,
        (true, false) => "Pod or workload",
        (false, true) => "Node",
        (true, true) => "Pod or workload, and no Node",
    };
    let held = [
        count(inventory.pods.len(), "pod"),
        count(inventory.nodes.len(), "node"),
        count(inventory.others, "other object"),
    ];
    Some(format!(
        "there is no {wanted} in the input: it has {}",
        held.join(", ")
    ))
}

/// Returns one row for each pod and node.
fn rows(scores: &[PodScores]) -> String {
    let mut table = table::new(&["POD", "KIND", "NODE", "SCORE"]);
    for pod in scores {
        for node in &pod.nodes {
            let score = node.score.to_string();
            let cells = [&pod.pod, &pod.kind, &node.node, &score];
            table.add_row(cells);
        }
    }
    table::lines(&table)
}

/// Returns the best node of each pod, one a line; `-` if no node scores above 0.
fn best(scores: &[PodScores]) -> String {
    let best = scores.iter().map(|pod| {
        let best = pod.nodes.first().filter(|node| node.score > 0);
        let name = best.map_or("-", |node| node.node.as_str());
        format!("{}\n", visible(name))
    });
    best.collect()
}
