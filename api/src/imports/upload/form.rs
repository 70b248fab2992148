//! A form: fields as in the query, and the file after them.

use std::sync::Arc;

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request};
use axum::http::StatusCode;
use tokio::time::Instant;

use super::gate::Gate;
use super::pace::{IDLE_MAX, in_time, until};
use super::{AROUND_BYTES_MAX, Incoming, Received, check_map, spool, too_large};
use crate::context::Ingress;
use crate::imports::description::Description;
use crate::problem::{Problem, ProblemType};

/// The most bytes of a field beside the file.
const FIELD_BYTES_MAX: usize = 64 * 1024;
/// The most bytes that are held back until a part or its head is whole: a field and what is around it.
const HELD_BYTES_MAX: u64 = 2 * FIELD_BYTES_MAX as u64;
/// The most characters of a part's name that an answer repeats.
const NAME_CHARS_SHOWN: usize = 80;

/// Takes a form in.
pub(super) async fn receive(
    ingress: &Arc<Ingress>,
    mut said: Description,
    request: Request,
) -> Result<(Received, Description), Problem> {
    let bytes_max = ingress.imports.config.upload_bytes_max;
    let (gate, mut request) = Gate::before(request);
    let limit = usize::try_from(bytes_max.saturating_add(AROUND_BYTES_MAX)).unwrap_or(usize::MAX);
    // Unless this says more, two megabytes are the most of a form.
    DefaultBodyLimit::max(limit).apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|error| unreadable(&error.body_text()))?;
    let limits = Limits { gate, bytes_max };
    // The fields come with the head of the request.
    let deadline = Instant::now() + IDLE_MAX;
    loop {
        limits.gate.let_pass(HELD_BYTES_MAX);
        let next = until(deadline, form.next_field()).await?;
        let Some(field) = next.map_err(|error| limits.problem(&error))? else { break };
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" || field.file_name().is_some() {
            check_map(&said)?;
            said.name = said.name.or_else(|| field.file_name().map(str::to_owned));
            said.media_type = field.content_type().map(str::to_owned);
            // The limit of the file holds from here on, and that of the body.
            limits.gate.let_pass(u64::MAX);
            let received = spool(ingress, Incoming::Field(Box::new(field))).await?;
            limits.gate.let_pass(HELD_BYTES_MAX);
            // What would come too late to count, and another file, are not passed over in silence.
            let after = in_time(form.next_field()).await?;
            return match after.map_err(|error| limits.problem(&error))? {
                None => Ok((received, said)),
                Some(after) => Err(after_the_file(after.name().unwrap_or_default())),
            };
        }
        let value = until(deadline, text(&limits, field)).await??;
        said.set(&name, value)?;
    }
    let detail = "the form has no file; send it as the field `file`, after all others";
    Err(Problem::new(ProblemType::InvalidParameter, detail))
}

async fn text(limits: &Limits, mut field: Field<'_>) -> Result<String, Problem> {
    let mut text = Vec::new();
    loop {
        limits.gate.let_pass(HELD_BYTES_MAX);
        let Some(chunk) = field.chunk().await.map_err(|error| limits.problem(&error))? else { break };
        text.extend_from_slice(&chunk);
        if text.len() > FIELD_BYTES_MAX {
            let detail = format!("a field of the form is longer than {FIELD_BYTES_MAX} bytes");
            return Err(Problem::new(ProblemType::BodyTooLarge, detail));
        }
    }
    String::from_utf8(text).map_err(|_| {
        Problem::new(ProblemType::InvalidParameter, "a field of the form is not UTF-8; send it as UTF-8")
    })
}

fn after_the_file(name: &str) -> Problem {
    let name: String = name.chars().take(NAME_CHARS_SHOWN).collect();
    let detail = format!(
        "the form has a field {name:?} after the file; nothing of it was accepted. Send one file a request, as the \
         last field"
    );
    Problem::new(ProblemType::InvalidParameter, detail)
}

/// What a form may have, beside what is in its file.
struct Limits {
    gate: Gate,
    bytes_max: u64,
}

impl Limits {
    fn problem(&self, error: &MultipartError) -> Problem {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return too_large(self.bytes_max);
        }
        if self.gate.is_shut() {
            let detail = format!(
                "more than {HELD_BYTES_MAX} bytes of the form are neither a field nor the file; nothing of it was \
                 accepted. Send the file as the body, or check how the form is made"
            );
            return Problem::new(ProblemType::BodyTooLarge, detail);
        }
        unreadable(&error.body_text())
    }
}

fn unreadable(why: &str) -> Problem {
    let detail = format!("the form could not be read ({why}); nothing of it was accepted");
    Problem::new(ProblemType::IncompleteBody, detail)
}
