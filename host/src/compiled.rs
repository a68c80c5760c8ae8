//! Compiled code: made once for each component, kept beside it, and loaded only if this host made it.
//!
//! Compiled code is machine code, and whoever can hand some to the host owns the host. So a cache file begins with an
//! HMAC-SHA256 under this host's own key over the engine's fingerprint, the component's digest and the code, and what is
//! loaded is the very bytes that were checked, never the file again. A file that fails is compiled anew.

use std::{
    hash::{Hash as _, Hasher},
    path::{Path, PathBuf},
    time::Duration,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use jackfield_package::Digest;
use sha2::{Digest as _, Sha256};
use tokio::{process::Command, task::spawn_blocking, time::timeout};
use wasmtime::{Engine, component::Component};

use crate::{
    engine::compiling_engine,
    failure::HostFault,
    home::{Home, at, read, write_atomically},
    limits::{COMPILE_BYTES, COMPILE_SECONDS},
};

const MAC_BYTES: usize = 32;

/// Where components are compiled. A compiler fed with hostile bytes can use all memory there is, which only a process of its
/// own can be kept from.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// In this process, on a thread for blocking work. For embedders who trust what they install, and for tests.
    InProcess,
    /// In a child, under limits of memory and time: `program arguments… COMPONENT OUTPUT`, which calls [`compile_in_child`].
    Child {
        /// What to run, usually the embedder's own executable.
        program: PathBuf,
        /// What comes before the two paths.
        arguments: Vec<String>,
    },
}

pub(crate) struct Compiled {
    key: [u8; 32],
    compiler: Compiler,
}

impl Compiled {
    pub(crate) fn new(home: &Home, compiler: Compiler) -> Result<Self, HostFault> {
        Ok(Self { key: home.host_key()?, compiler })
    }

    /// The component's code, ready to run: from the cache, or compiled now and cached.
    pub(crate) async fn load(
        &self,
        home: &Home,
        engine: &Engine,
        digest: Digest,
        source: &Path,
    ) -> Result<Component, HostFault> {
        let fingerprint = fingerprint(engine);
        let cached = home.compiled_path(digest, &fingerprint[..16]);
        if let Some(code) = self.authentic(&cached, &fingerprint, digest) {
            match load_code(engine, &code) {
                Ok(component) => return Ok(component),
                Err(error) => tracing::warn!(%digest, %error, "compiled code did not load and is made anew"),
            }
        }
        let code = self.compile(source).await?;
        let mac = self.mac(&fingerprint, digest, &code).finalize().into_bytes();
        let component = load_code(engine, &code)?;
        // A full disk, or a sweep by another process at this moment, costs the next call a compilation and this one nothing.
        if let Err(fault) = write_atomically(&cached, &[&mac[..], &code].concat()) {
            tracing::warn!(%digest, %fault, "compiled code could not be kept");
        }
        Ok(component)
    }

    /// Whether code is cached, without loading it: what an install asks, to say whether it will take a while.
    pub(crate) async fn prepare(&self, home: &Home, digest: Digest, source: &Path) -> Result<(), HostFault> {
        self.load(home, &compiling_engine()?, digest, source).await.map(drop)
    }

    fn authentic(&self, path: &Path, fingerprint: &str, digest: Digest) -> Option<Vec<u8>> {
        let bytes = match read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%digest, %error, "compiled code can't be read and is made anew");
                return None;
            }
        };
        let (mac, code) = bytes.split_at_checked(MAC_BYTES)?;
        if self.mac(fingerprint, digest, code).verify_slice(mac).is_err() {
            tracing::warn!(%digest, "compiled code was changed by somebody else and is made anew");
            return None;
        }
        Some(code.to_vec())
    }

    fn mac(&self, fingerprint: &str, digest: Digest, code: &[u8]) -> Hmac<Sha256> {
        // A key of any length is a key for HMAC (RFC 2104); this one always has 32 bytes.
        #[expect(clippy::expect_used, reason = "can't fail for any key")]
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes any key");
        mac.update(b"jackfield compiled code v1\0");
        mac.update(fingerprint.as_bytes());
        mac.update(digest.hex().as_bytes());
        mac.update(code);
        mac
    }

    async fn compile(&self, source: &Path) -> Result<Vec<u8>, HostFault> {
        match &self.compiler {
            Compiler::InProcess => {
                let source = source.to_owned();
                let compiled = spawn_blocking(move || compile(&source)).await;
                compiled.map_err(|error| HostFault::new(format!("the compiler failed: {error}")))?
            }
            Compiler::Child { program, arguments } => compile_by(program, arguments, source).await,
        }
    }
}

/// What code depends on: version, target and settings. Part of the cache's file names, so that an upgrade compiles anew.
fn fingerprint(engine: &Engine) -> String {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    hex::encode(sha.0.finalize())
}

fn compile(source: &Path) -> Result<Vec<u8>, HostFault> {
    let component = std::fs::read(source).map_err(at(source))?;
    compiling_engine()?.precompile_component(&component).map_err(|error| {
        HostFault::new(format!("`{}` does not compile: {error:#}", source.display())).hint(
            "the component is valid, so this host's compiler is too old for it or wrong about it: update the host",
        )
    })
}

async fn compile_by(program: &Path, arguments: &[String], source: &Path) -> Result<Vec<u8>, HostFault> {
    let output =
        tempfile::NamedTempFile::new().map_err(|error| HostFault::new(format!("a temporary file: {error}")))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(source)
        .arg(output.path())
        .env_clear()
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    let run = timeout(Duration::from_secs(COMPILE_SECONDS), command.output()).await;
    let ended = run
        .map_err(|_| {
            HostFault::new(format!("compiling `{}` took longer than {COMPILE_SECONDS} s", source.display()))
                .hint("a connector should compile in seconds; ask its author for a smaller component")
        })?
        .map_err(at(program))?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        let message = format!("compiling `{}` failed ({}): {}", source.display(), ended.status, said.trim());
        return Err(HostFault::new(message)
            .hint(format!("the compiler may use {COMPILE_BYTES} bytes of memory and {COMPILE_SECONDS} s of CPU")));
    }
    std::fs::read(output.path()).map_err(at(output.path()))
}

/// What a compiling child does: limits itself, compiles `component` and writes the code to `output`.
///
/// # Errors
/// A fault that says what failed; past the limits the system kills the process instead.
pub fn compile_in_child(component: &Path, output: &Path) -> Result<(), HostFault> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    for (resource, limit) in [(Resource::As, COMPILE_BYTES), (Resource::Cpu, COMPILE_SECONDS), (Resource::Core, 0)] {
        setrlimit(resource, Rlimit { current: Some(limit), maximum: Some(limit) })
            .map_err(|error| HostFault::new(format!("the compiler's limits could not be set: {error}")))?;
    }
    std::fs::write(output, compile(component)?).map_err(at(output))
}

/// Loads machine code.
#[allow(unsafe_code, reason = "the one place: wasmtime has no other way to load compiled code")]
fn load_code(engine: &Engine, code: &[u8]) -> Result<Component, HostFault> {
    // SAFETY: wasmtime asks that these bytes came from its own compiler, unchanged. They did: every caller has them either
    // fresh from `compile`, or from `authentic`, which has checked the MAC that only `load` makes, over these very bytes.
    unsafe { Component::deserialize(engine, code) }
        .map_err(|error| HostFault::new(format!("compiled code does not load: {error:#}")))
}
