//! What the operators of a broker have set on its queues beside the arguments that these were declared with. It shows in
//! no declaration, and may undo what they promise.

use derive_more::Display;

/// What is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policies {
    /// Nothing is set under which a job may be lost or lose its order.
    Harmless,
    /// These are; never empty.
    Harmful(Vec<HarmfulPolicy>),
    /// It could not be looked at, for this reason.
    NotLookedAt(String),
}

/// A key of a policy under which the jobs of a queue may be lost or lose their order.
#[derive(Debug, Clone, PartialEq, Eq, Display)]
#[display("{setting} of the policy {} on {queue} {harm}", policies.join(" or "))]
pub struct HarmfulPolicy {
    /// The queue, or the exchange before the lanes.
    pub queue: String,
    /// The policies that apply to it, by their names.
    pub policies: Vec<String>,
    /// The key, with its value.
    pub setting: String,
    /// What it does to jobs.
    pub harm: &'static str,
}

impl Policies {
    /// What is harmful, as far as it is known.
    pub fn harmful(&self) -> &[HarmfulPolicy] {
        match self {
            Policies::Harmful(harmful) => harmful,
            Policies::Harmless | Policies::NotLookedAt(_) => &[],
        }
    }

    /// What is harmful, in a sentence: the first queue by its name, and how many more there are.
    pub fn sentence(&self) -> String {
        match self {
            Policies::Harmless => "no policy of the broker harms a job".to_owned(),
            Policies::NotLookedAt(why) => format!("the policies of the broker could not be read: {why}"),
            Policies::Harmful(harmful) => {
                let first = harmful.first().map(HarmfulPolicy::to_string).unwrap_or_default();
                match harmful.len() - 1 {
                    0 => first,
                    more => format!("{first} (and {more} more)"),
                }
            }
        }
    }
}
