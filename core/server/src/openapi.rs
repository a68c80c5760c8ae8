//! The OpenAPI 3.1 document of a server: each service says its routes in rows, and whoever serves several joins them.

use serde_json::{Map, Value, json};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{RefOr, Schema, path::ParameterIn},
};

use crate::problem::ProblemBody;

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// Nobody in particular.
    Anybody,
    /// Somebody with an account: by a token that is good for it, or by a browser's session.
    Person,
    /// The same, or a program with a token of the workspace.
    Caller,
}

/// One operation: method, path, who, what it does, the body it takes and the one it answers with, by name of a schema or by
/// media type; an empty text: none. A number before the answer is its status.
pub type Row = (&'static str, &'static str, Who, &'static str, &'static str, &'static str);

/// What a service answers to, to be joined with others.
#[derive(Clone, Debug, Default)]
pub struct Part {
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
}

impl Part {
    /// Of these routes.
    pub fn of(rows: &[Row]) -> Self {
        let mut part = Self::default().schema::<ProblemBody>();
        for row in rows {
            let (method, path, ..) = row;
            part.paths.entry(*path).or_insert_with(|| json!({}))[*method] = operation(row);
        }
        part
    }

    /// The same with a schema that its rows name, and those that it needs.
    #[must_use]
    pub fn schema<T: ToSchema + PartialSchema>(mut self) -> Self {
        let mut found: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        self.schemas.extend(found.into_iter().map(|(name, schema)| (name, json!(schema))));
        self
    }

    /// The same with a schema that no type of Rust stands for.
    #[must_use]
    pub fn named(mut self, name: &str, schema: Value) -> Self {
        self.schemas.insert(name.to_owned(), schema);
        self
    }

    /// The same with the query that the `GET` of a path takes.
    #[must_use]
    pub fn query<T: IntoParams>(self, path: &str) -> Self {
        T::into_params(|| Some(ParameterIn::Query))
            .iter()
            .fold(self, |part, parameter| part.parameter("get", path, json!(parameter)))
    }

    /// The same with one more parameter of an operation.
    #[must_use]
    pub fn parameter(mut self, method: &str, path: &str, parameter: Value) -> Self {
        let parameters = &mut self.paths[path][method]["parameters"];
        match parameters.as_array_mut() {
            Some(all) => all.push(parameter),
            None => *parameters = json!([parameter]),
        }
        self
    }

    /// The same with another description of what an operation takes.
    #[must_use]
    pub fn request(mut self, method: &str, path: &str, body: Value) -> Self {
        self.paths[path][method]["requestBody"] = body;
        self
    }

    /// The same with one more answer of an operation, or another in its place.
    #[must_use]
    pub fn response(mut self, method: &str, path: &str, status: &str, response: Value) -> Self {
        self.paths[path][method]["responses"][status] = response;
        self
    }

    /// Both. What has the same name is the same.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        self.paths.extend(other.paths);
        self.schemas.extend(other.schemas);
        self
    }

    /// The names of its schemas, each of which is of one service only.
    pub fn schema_names(&self) -> impl Iterator<Item = &str> {
        self.schemas.keys().map(String::as_str)
    }

    /// The whole document.
    pub fn document(self, title: &str, description: &str) -> Value {
        let bearer = |says: &str| json!({ "type": "http", "scheme": "bearer", "description": says });
        let key = |place: &str, name: &str, says: &str| json!({ "type": "apiKey", "in": place, "name": name, "description": says });
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": title,
                "version": "1",
                "description": description,
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "paths": self.paths,
            "components": {
                "schemas": self.schemas,
                "securitySchemes": {
                    "token": bearer("A token of an account, `jf_…`"),
                    "workspaceToken": bearer("A token of the workspace, `jfw_…`"),
                    "session": key("cookie", "jf_session", "A browser's session; `__Host-jf_session` where it comes by https"),
                    "csrf": key("header", "X-Jackfield-CSRF", "`1`, beside the session of a browser that changes something"),
                },
            },
        })
    }
}

/// A refusal, as every operation may answer one.
pub fn refusal(schema: &str) -> Value {
    json!({
        "description": "A refusal (RFC 9457)",
        "content": { "application/problem+json": { "schema": reference(schema) } },
    })
}

fn operation((method, path, who, summary, request, answer): &Row) -> Value {
    let (status, answer) = match answer.split_once(' ') {
        Some((status, answer)) => (status, answer),
        None if answer.parse::<u16>().is_ok() => (*answer, ""),
        None => ("2XX", *answer),
    };
    let mut done = json!({ "description": "Done" });
    if let Some(content) = content(answer) {
        done["content"] = content;
    }
    let mut operation = json!({ "summary": summary, "responses": { status: done, "default": refusal("ProblemBody") } });
    let parameters: Vec<_> = path
        .split(['{', '}'])
        .skip(1)
        .step_by(2)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    // A browser that only looks sends its cookie alone.
    let session = if *method == "get" { json!({ "session": [] }) } else { json!({ "session": [], "csrf": [] }) };
    match who {
        Who::Anybody => {}
        Who::Person => operation["security"] = json!([{ "token": [] }, session]),
        Who::Caller => operation["security"] = json!([{ "workspaceToken": [] }, { "token": [] }, session]),
    }
    if let Some(content) = content(request) {
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    operation
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn content(body: &str) -> Option<Value> {
    match body {
        "" => None,
        media_type if media_type.contains('/') => Some(json!({ media_type: {} })),
        name => Some(json!({ "application/json": { "schema": reference(name) } })),
    }
}
