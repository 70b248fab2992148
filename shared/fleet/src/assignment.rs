//! Which replica is to hold which lanes. Pure: every replica computes it for itself from the reports
//! of all, and while two views differ the queue's single active consumer keeps the order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use domain::lane::{Lane, Lanes};

/// Spreads the lanes over the live replicas (the keys of `held`), within one of each other, moving as
/// few as possible from those who hold them. `Id` is a replica's id; ties are settled by its order.
///
/// Those that hold most get the larger shares. A lane that two claim counts for the first of them.
pub fn assign<Id: Ord + Clone>(
    lanes: Lanes,
    held: &BTreeMap<Id, BTreeSet<Lane>>,
) -> BTreeMap<Id, BTreeSet<Lane>> {
    if held.is_empty() {
        return BTreeMap::new();
    }
    let mut free: BTreeSet<Lane> = lanes.iter().collect();
    let mut claims: Vec<(&Id, BTreeSet<Lane>)> = held
        .iter()
        .map(|(id, claimed)| (id, claimed.iter().copied().filter(|lane| free.remove(lane)).collect()))
        .collect();
    // Stable: those that hold equally many stay in the order of their ids.
    claims.sort_by_key(|(_, claimed)| Reverse(claimed.len()));

    let count = usize::from(lanes.count());
    let (share, larger_shares) = (count / claims.len(), count % claims.len());
    let quotas = (0..).map(|position| share + usize::from(position < larger_shares));
    let mut assigned = Vec::with_capacity(claims.len());
    for ((id, mut kept), quota) in claims.into_iter().zip(quotas) {
        while kept.len() > quota {
            free.extend(kept.pop_last());
        }
        assigned.push((id, kept, quota));
    }
    for (_, kept, quota) in &mut assigned {
        while kept.len() < *quota
            && let Some(lane) = free.pop_first()
        {
            kept.insert(lane);
        }
    }
    assigned.into_iter().map(|(id, kept, _)| (id.clone(), kept)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, btree_set, vec};
    use proptest::prelude::*;

    use super::*;

    type Held = BTreeMap<String, BTreeSet<Lane>>;

    /// Any claims at all: gaps, lanes that two claim, lanes that there are not.
    fn any_claims() -> impl Strategy<Value = (Lanes, Held)> {
        let lanes = (1..=40_u16).prop_map(|count| Lanes::new(count).unwrap());
        (lanes, btree_map("[a-h]{1,2}", btree_set((0..45_u16).prop_map(Lane), 0..30), 1..9))
    }

    /// Claims in which each lane has one holder at the most, as they are in a fleet at rest.
    fn disjoint_claims() -> impl Strategy<Value = (Lanes, Held)> {
        (1..=40_u16, 1..9_usize).prop_flat_map(|(count, replicas)| {
            vec(0..=replicas, usize::from(count)).prop_map(move |holders| {
                let mut held: Held = (0..replicas).map(|n| (format!("r{n}"), BTreeSet::new())).collect();
                for (lane, holder) in (0..count).map(Lane).zip(holders) {
                    if let Some(claimed) = held.get_mut(&format!("r{holder}")) {
                        claimed.insert(lane);
                    }
                }
                (Lanes::new(count).unwrap(), held)
            })
        })
    }

    fn is_balanced(lanes: Lanes, assigned: &Held) -> bool {
        let sizes = || assigned.values().map(BTreeSet::len);
        let each_once: BTreeSet<Lane> = assigned.values().flatten().copied().collect();
        each_once == lanes.iter().collect()
            && sizes().sum::<usize>() == usize::from(lanes.count())
            && sizes().max().unwrap() - sizes().min().unwrap() <= 1
    }

    fn kept(before: &Held, after: &Held) -> usize {
        before.iter().map(|(id, claimed)| claimed.intersection(&after[id]).count()).sum()
    }

    proptest! {
        #[test]
        fn every_lane_has_one_holder_and_shares_are_even((lanes, held) in any_claims()) {
            let assigned = assign(lanes, &held);
            prop_assert!(assigned.keys().eq(held.keys()));
            prop_assert!(is_balanced(lanes, &assigned), "{assigned:?}");
        }

        #[test]
        fn as_few_lanes_move_as_can((lanes, held) in disjoint_claims()) {
            let assigned = assign(lanes, &held);
            // The most that any even spread could leave in place: the larger shares to the largest.
            let mut sizes: Vec<usize> = held.values().map(BTreeSet::len).collect();
            sizes.sort_unstable_by_key(|size| Reverse(*size));
            let (share, larger) = (usize::from(lanes.count()) / sizes.len(), usize::from(lanes.count()) % sizes.len());
            let most: usize = sizes.iter().enumerate().map(|(n, size)| *size.min(&(share + usize::from(n < larger)))).sum();
            prop_assert_eq!(kept(&held, &assigned), most);
        }

        #[test]
        fn what_is_balanced_stays((lanes, held) in any_claims()) {
            let assigned = assign(lanes, &held);
            prop_assert_eq!(assign(lanes, &assigned), assigned);
        }

        /// Replicas act on reports of different age for a while; once all see the same, one step
        /// settles it.
        #[test]
        fn views_that_differ_converge(
            (lanes, start) in any_claims(),
            ages in vec(vec(0..4_usize, 9), 0..12),
        ) {
            let mut history = vec![start];
            for round in ages {
                let now = history.len() - 1;
                let step = history[now].keys().zip(round).map(|(id, age)| {
                    let seen = assign(lanes, &history[now.saturating_sub(age)]);
                    (id.clone(), seen[id].clone())
                });
                let step = step.collect();
                history.push(step);
            }
            let last = history.pop().unwrap();
            let settled: Held = last.keys().map(|id| (id.clone(), assign(lanes, &last)[id].clone())).collect();
            prop_assert!(is_balanced(lanes, &settled));
            prop_assert_eq!(&assign(lanes, &settled), &settled);
        }
    }

    #[test]
    fn a_newcomer_gets_its_share_and_the_lanes_of_the_dead_are_spread() {
        let lanes = Lanes::DEFAULT;
        let alone = assign(lanes, &BTreeMap::from([("a", BTreeSet::new())]));
        assert_eq!(alone["a"].len(), 16);
        let two = assign(lanes, &BTreeMap::from([("a", alone["a"].clone()), ("b", BTreeSet::new())]));
        assert_eq!((two["a"].len(), two["b"].len()), (8, 8));
        let three = assign(
            lanes,
            &BTreeMap::from([("b", two["b"].clone()), ("c", BTreeSet::new()), ("d", BTreeSet::new())]),
        );
        assert!(three["b"].is_subset(&two["b"]));
        assert_eq!((three["b"].len(), three["c"].len(), three["d"].len()), (6, 5, 5));
    }

    #[test]
    fn nobody_there_means_nothing_assigned() {
        assert!(assign::<String>(Lanes::DEFAULT, &BTreeMap::new()).is_empty());
    }
}
