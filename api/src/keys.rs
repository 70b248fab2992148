//! Who may do what at the ingress.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use domain::text::Client;
pub use tellers_http::keys::{Denied, Keys, Scope, check_listen};

use crate::context::Ingress;
use crate::problem::Problem;

/// A client that may submit jobs.
pub(crate) struct Submitter(pub Client);

/// A client that may read jobs and accounts.
pub(crate) struct Reader;

/// A client that may read what is its own; with the scope operate, everybody's.
pub(crate) struct Viewer {
    pub client: Client,
    pub sees_all: bool,
}

/// A client that may stop what is its own; with the scope operate, everybody's.
pub(crate) struct Stopper(pub Viewer);

impl FromRequestParts<Arc<Ingress>> for Stopper {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, ingress: &Arc<Ingress>) -> Result<Stopper, Problem> {
        let keys = &ingress.config.keys;
        if let Ok(client) = keys.authorize(&parts.headers, Scope::Operate) {
            return Ok(Stopper(Viewer { client, sees_all: true }));
        }
        let client = keys.authorize(&parts.headers, Scope::Submit)?;
        Ok(Stopper(Viewer { client, sees_all: false }))
    }
}

impl FromRequestParts<Arc<Ingress>> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, ingress: &Arc<Ingress>) -> Result<Viewer, Problem> {
        let keys = &ingress.config.keys;
        let client = keys.authorize(&parts.headers, Scope::Read)?;
        Ok(Viewer { client, sees_all: keys.authorize(&parts.headers, Scope::Operate).is_ok() })
    }
}

impl FromRequestParts<Arc<Ingress>> for Submitter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, ingress: &Arc<Ingress>) -> Result<Submitter, Problem> {
        ingress.config.keys.authorize(&parts.headers, Scope::Submit).map(Submitter).map_err(Problem::from)
    }
}

impl FromRequestParts<Arc<Ingress>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, ingress: &Arc<Ingress>) -> Result<Reader, Problem> {
        ingress.config.keys.authorize(&parts.headers, Scope::Read).map(|_| Reader).map_err(Problem::from)
    }
}
