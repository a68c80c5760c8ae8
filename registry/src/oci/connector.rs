//! A push into a connector namespace: it stages a release, or it is refused.

use http::StatusCode;
use jackfield_db::Conn;
use jackfield_package::{
    Digest,
    limits::COMPONENT_BYTES,
    oci::{CONFIG_MEDIA_TYPE, LAYER_MEDIA_TYPE},
};
use semver::Version;

use super::{
    manifests::{Descriptor, IMAGE_MANIFEST, Pushed},
    namespace::{self, Namespace},
    path::Tag,
    routes::Call,
    store,
};
use crate::{
    Problem,
    account::Actor,
    limits::CONNECTOR_CONFIG_BYTES,
    publish::{self, Staged},
};

/// Keeps a manifest under its version, for the eyes of members, and begins the release.
pub(crate) async fn stage(
    call: &Call,
    conn: &mut Conn,
    namespace: &Namespace,
    actor: &Actor,
    pushed: &Pushed,
    tags: &[Tag],
) -> Result<(), Problem> {
    let package = namespace::package(&call.repository)?;
    let [tag] = tags else {
        return Err(not_a_connector("it is pushed under exactly one tag, its version"));
    };
    let version = version(tag)?;
    let parts = Parts::of(pushed)?;
    let repository = call.repository.as_str();
    if let Some(row) = store::tag(conn, repository, tag.as_str()).await? {
        let same = row.digest == pushed.digest.as_str();
        if row.visible && same {
            return Ok(());
        }
        if row.visible {
            return Err(Problem::conflict(
                "tag-immutable",
                format!("{package}@{version} is released as {}, and stays so; this is {}", row.digest, pushed.digest),
            )
            .hint("publish it under another version"));
        }
    }
    for (what, part) in [("config", parts.config), ("layer", parts.layer)] {
        let row = store::blob(conn, repository, &part.digest).await?.ok_or_else(|| {
            Problem::not_found("manifest-blob-unknown", format!("the {what} {} has not been uploaded", part.digest))
        })?;
        if row.size != part.size {
            let message = format!("the {what} {} has {} bytes, not {}", part.digest, row.size, part.size);
            return Err(Problem::bad_request("size-invalid", message));
        }
    }
    let now = call.registry.now();
    if store::put_manifest(conn, &pushed.row(repository, false), now).await? {
        namespace.charge(conn, &call.repository, i64::try_from(pushed.bytes.len()).unwrap_or(i64::MAX)).await?;
    }
    for part in [parts.config, parts.layer] {
        store::add_manifest_blob(conn, repository, pushed.digest.as_str(), &part.digest).await?;
    }
    store::put_tag(conn, repository, tag.as_str(), pushed.digest.as_str(), false, now).await?;
    let staged = Staged {
        component: parts.layer.digest.parse()?,
        size: parts.layer.size,
        oci_manifest: pushed.digest.as_str().parse()?,
    };
    publish::stage(&call.registry, conn, actor, &package, &version, staged).await
}

/// What a connector's manifest consists of.
struct Parts<'a> {
    config: &'a Descriptor,
    layer: &'a Descriptor,
}

impl<'a> Parts<'a> {
    fn of(pushed: &'a Pushed) -> Result<Self, Problem> {
        let fields = &pushed.fields;
        if pushed.media_type != IMAGE_MANIFEST {
            return Err(not_a_connector(format!("its media type is `{}`, not `{IMAGE_MANIFEST}`", pushed.media_type)));
        }
        if fields.subject.is_some() {
            return Err(Problem::forbidden(
                "connector-referrer",
                "in a connector namespace what refers to a release is a signed statement, and the registry attaches it",
            )
            .hint("send the statement: POST /v1/packages/<namespace>/<name>/<version>/statements"));
        }
        let Some(config) = fields.config.as_ref().filter(|config| is(config, CONFIG_MEDIA_TYPE)) else {
            return Err(not_a_connector(format!("its config is not `{CONFIG_MEDIA_TYPE}`")));
        };
        let Some([layer]) = fields.layers.as_deref() else {
            return Err(not_a_connector("it has not exactly one layer"));
        };
        if !is(layer, LAYER_MEDIA_TYPE) {
            return Err(not_a_connector(format!("its layer is not `{LAYER_MEDIA_TYPE}`")));
        }
        for part in [config, layer] {
            part.digest.parse::<Digest>().map_err(|_| not_a_connector("its digests are not all sha256"))?;
        }
        if config.size > CONNECTOR_CONFIG_BYTES {
            return Err(not_a_connector(format!("its config has more than {CONNECTOR_CONFIG_BYTES} bytes")));
        }
        if usize::try_from(layer.size).is_ok_and(|size| size > COMPONENT_BYTES) {
            let message = format!("a component has at most {COMPONENT_BYTES} bytes, not {}", layer.size);
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "blob-too-large", message));
        }
        Ok(Self { config, layer })
    }
}

fn is(descriptor: &Descriptor, media_type: &str) -> bool {
    descriptor.media_type.as_deref() == Some(media_type)
}

fn version(tag: &Tag) -> Result<Version, Problem> {
    Version::parse(tag.as_str()).map_err(|_| {
        Problem::bad_request(
            "tag-not-a-version",
            format!("`{tag}` is not a version: in a connector namespace a tag is one, such as `1.4.0`"),
        )
    })
}

fn not_a_connector(why: impl std::fmt::Display) -> Problem {
    Problem::bad_request("manifest-not-a-connector", format!("the manifest is not that of a connector: {why}"))
        .hint("push it with `jackfield publish`, or with `wkg publish`")
}
