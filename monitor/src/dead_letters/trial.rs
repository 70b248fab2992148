//! What would become of dead letters that are replayed now: a worker tries them and rolls that back.

use std::time::Duration;

use bytes::Bytes;
use contract::report::Role;
use contract::trial::{TRIAL_LETTERS_MAX, TrialAnswer, TrialRequest, Tried};
use domain::lane::Lane;
use queue::DeadLetter;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use crate::context::Shared;

/// How long a worker may take: a batch whose every job fails is halved down to each of them.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// Bytes of letters in one request, unless one alone has more.
const REQUEST_BYTES_MAX: usize = 1_048_576;

/// One answer for each letter, in their order.
pub(crate) async fn try_letters(shared: &Shared, letters: &[&DeadLetter]) -> Vec<Tried> {
    let mut inbox = shared.parts.bus.inbox(&shared.parts.replica).await;
    let mut answers = Vec::with_capacity(letters.len());
    let mut rest = letters;
    while !rest.is_empty() {
        let (some, behind) = rest.split_at(fitting(rest));
        rest = behind;
        match ask_about(shared, &mut inbox, some).await {
            Ok(tried) => answers.extend(tried),
            // The others would be waited for in vain as well.
            Err(why) => {
                answers.resize(letters.len(), Tried::Unknown { why });
                break;
            }
        }
    }
    answers
}

/// How many of them go into one request.
fn fitting(letters: &[&DeadLetter]) -> usize {
    let mut bytes = 0;
    let fit = letters.iter().take(TRIAL_LETTERS_MAX).take_while(|letter| {
        bytes += letter.payload.len();
        bytes <= REQUEST_BYTES_MAX
    });
    fit.count().max(1)
}

/// Why nothing is known is an error.
async fn ask_about(
    shared: &Shared,
    inbox: &mut Receiver<Bytes>,
    letters: &[&DeadLetter],
) -> Result<Vec<Tried>, String> {
    let texts: Vec<_> = letters.iter().map(|letter| as_text(letter)).collect();
    let asked: Vec<_> = texts.iter().filter_map(|text| text.as_ref().ok().cloned()).collect();
    let mut tried = if asked.is_empty() { Vec::new() } else { ask(shared, inbox, asked).await? }.into_iter();
    let unanswered = || Tried::Unknown { why: "the worker did not answer for it".to_owned() };
    let answer = |text: Result<String, Tried>| match text {
        Ok(_) => tried.next().unwrap_or_else(unanswered),
        Err(known) => known,
    };
    Ok(texts.into_iter().map(answer).collect())
}

/// What a worker would read; else what is known without one.
fn as_text(letter: &DeadLetter) -> Result<String, Tried> {
    if letter.lane == Lane::NONE {
        return Err(Tried::Unknown {
            why: "an analysis is not tried; a replay does it once more".to_owned(),
        });
    }
    let text = str::from_utf8(&letter.payload).map(str::to_owned);
    text.map_err(|_| Tried::StillFails { cause: "the message is no text, and so no envelope".to_owned() })
}

async fn ask(
    shared: &Shared,
    inbox: &mut Receiver<Bytes>,
    letters: Vec<String>,
) -> Result<Vec<Tried>, String> {
    let snapshot = shared.snapshot();
    let workers = snapshot.settings.iter().filter(|replica| replica.role == Role::Worker);
    let mut workers: Vec<_> = workers.map(|replica| replica.replica.as_str()).collect();
    if workers.is_empty() {
        return Err("no worker is alive that could try it".to_owned());
    }
    // Of a fleet that is being upgraded some do not know the question.
    fastrand::shuffle(&mut workers);
    workers.truncate(2);
    // One number: a late answer of the first is as good as that of the second.
    let number = fastrand::u64(..);
    for worker in &workers {
        let reply_to = shared.parts.replica.clone();
        let request = TrialRequest { number, reply_to, letters: letters.clone() };
        let request = serde_json::to_vec(&request).map_err(|error| error.to_string())?;
        shared.parts.bus.tell(worker, Bytes::from(request)).await;
        if let Ok(Some(answer)) = timeout(ANSWER_TIMEOUT, answer_to(inbox, number)).await {
            return Ok(answer.letters);
        }
    }
    Err(format!("{} did not answer within {ANSWER_TIMEOUT:?} each", workers.join(" and ")))
}

/// `None`: the bus has ended.
async fn answer_to(inbox: &mut Receiver<Bytes>, number: u64) -> Option<TrialAnswer> {
    loop {
        match inbox.recv().await {
            Ok(message) => {
                let answer = serde_json::from_slice(&message).ok();
                if let Some(answer) = answer.filter(|answer: &TrialAnswer| answer.number == number) {
                    return Some(answer);
                }
            }
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return None,
        }
    }
}
