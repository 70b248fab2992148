//! What every adapter of the queue port promises, as functions over the port.
//!
//! Each takes a queue of its own with `LANES` lanes and nothing in it.

#![allow(clippy::expect_used, reason = "a broken promise fails the test that found it")]

mod dead_letters;
mod events;
mod harness;
mod lanes;
mod publishing;
mod work;

pub use self::dead_letters::*;
pub use self::events::*;
pub use self::harness::{LANE, lanes, publish_until_accepted, resume};
pub use self::lanes::*;
pub use self::publishing::*;
pub use self::work::*;

/// Hands the names of the tests that need nothing but an empty queue to a macro that makes each of them one.
#[macro_export]
macro_rules! queue_conformance {
    ($make:ident) => {
        $make!(
            a_lane_keeps_its_order,
            a_lane_is_handed_over_in_order,
            those_who_wait_take_turns,
            an_abandoned_subscribing_holds_no_lane,
            a_dropped_subscription_loses_nothing,
            a_subscription_hands_out_no_more_than_its_prefetch,
            hand_overs_never_reorder,
            who_leaves_gives_nothing_back,
            an_abandoned_wait_loses_nothing,
            garbage_is_delivered_raw,
            depth_counts_what_waits,
            a_dead_letter_keeps_its_particulars,
            browsing_loses_nothing,
            a_long_cause_is_kept,
            discarding_removes_just_one,
            a_letter_kept_twice_is_discarded_at_once,
            letters_are_found_and_discarded_by_their_ids,
            work_goes_to_whoever_is_free,
            work_that_is_not_acknowledged_comes_again,
            every_reader_sees_all_events_in_order,
            a_reader_may_begin_with_the_newest_or_now,
            an_abandoned_wait_loses_no_event,
            an_unknown_lane_is_refused,
            concurrent_publishes_share_messages,
        );
    };
}
