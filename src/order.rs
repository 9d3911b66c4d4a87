//! One sort for every list of the core.
//!
//! The standard library's sort is compiled anew for every type it is used with, some three kilobytes of machine code
//! each time: in a browser and in a policy engine that is the dearest part of sorting. Here places are sorted, by one
//! merge sort for all types, and the items are moved once.

use std::cmp::Ordering;

/// Sorts, and leaves equal items in their order. A list that is in order already costs one pass and no memory.
pub(crate) fn sort<T>(items: &mut [T], order: impl Fn(&T, &T) -> Ordering) {
    if items.is_sorted_by(|a, b| order(a, b).is_le()) {
        return;
    }
    let places = sorted(items.len(), &|a, b| match (items.get(a), items.get(b)) {
        (Some(a), Some(b)) => order(a, b),
        _ => Ordering::Equal,
    });
    arrange(places, &mut |a, b| items.swap(a, b));
}

/// Which item, by its place before, comes first, second, …
fn sorted(length: usize, order: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut places: Vec<usize> = (0..length).collect();
    let mut width = 1;
    while width < length {
        let mut merged = Vec::with_capacity(length);
        for pair in places.chunks(width.saturating_mul(2)) {
            let (left, right) = pair.split_at_checked(width).unwrap_or((pair, &[]));
            merge(left, right, order, &mut merged);
        }
        places = merged;
        width = width.saturating_mul(2);
    }
    places
}

fn merge(
    left: &[usize],
    right: &[usize],
    order: &dyn Fn(usize, usize) -> Ordering,
    merged: &mut Vec<usize>,
) {
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let first = if order(**a, **b).is_le() {
            &mut left
        } else {
            &mut right
        };
        merged.extend(first.next());
    }
    merged.extend(left.chain(right));
}

/// Swaps every item to where it belongs.
fn arrange(places: Vec<usize>, swap: &mut dyn FnMut(usize, usize)) {
    let mut targets = vec![0; places.len()];
    for (target, place) in places.into_iter().enumerate() {
        if let Some(slot) = targets.get_mut(place) {
            *slot = target;
        }
    }
    for at in 0..targets.len() {
        while let Some(target) = targets.get(at).copied().filter(|target| *target != at) {
            swap(at, target);
            targets.swap(at, target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn items_are_in_the_order_of_the_standard_librarys_stable_sort(items: Vec<(u8, u32)>) {
            let (mut ours, mut theirs) = (items.clone(), items);
            sort(&mut ours, |(a, _), (b, _)| a.cmp(b));
            theirs.sort_by_key(|(key, _)| *key);
            prop_assert_eq!(ours, theirs);
        }
    }
}
