//! What a command says when it can't do something, as a server says it; and back.

use std::borrow::Cow;

use http::StatusCode;
use jackfield_workspace::Problem;

use crate::error::{Failed, Kind};

impl Failed {
    /// For whoever asked over HTTP. A code that came from another server is not this one's word.
    pub(super) fn into_problem(self) -> Problem {
        let status = match self.kind() {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Usage => StatusCode::BAD_REQUEST,
            Kind::Fault => StatusCode::BAD_GATEWAY,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let (code, message, hint, errors) = self.into_parts();
        let mut problem = match code {
            Cow::Borrowed(code) => Problem::new(status, code, message),
            Cow::Owned(code) => Problem::new(status, "registry-refused", format!("{message} [{code}]")),
        };
        (problem.hint, problem.errors) = (hint, errors);
        problem
    }

    /// For whoever starts a server.
    pub(crate) fn from_problem(problem: Problem) -> Self {
        let failed = Self::new(Kind::Fault, problem.code, problem.message);
        match problem.hint {
            Some(hint) => failed.hint(hint),
            None => failed,
        }
    }
}
