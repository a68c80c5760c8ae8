//! One call in one fresh instance: made, entered, watched, billed and dropped.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio_util::sync::CancellationToken;
use wasmtime::{
    CallHook, CallHookHandler, Engine, PoolConcurrencyLimitError, Store, StoreContextMut, Trap, WasmBacktrace,
    component::{Component, InstancePre, Linker, Resource, ResourceTable, ResourceTableError},
};
use wasmtime_wasi::{I32Exit, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    WasiHttpCtx, WasiHttpCtxView, WasiHttpView,
    p2::bindings::http::types::{HostOutgoingRequest as _, Method, OutgoingRequest},
};

use crate::{
    bill::Bill,
    bindings::{auth_hook, descriptor, files as wit_files, log as wit_log, operations, types},
    denial::Denial,
    egress::{CallEgress, Meter},
    failure::{Failure, GuestError, HostFault, LimitExceeded, Panic, shortened},
    files::Files,
    limits::{
        AUTHORITY_BYTES, ERROR_TEXT_BYTES, FRAME_CHARS, FUEL_YIELD_INTERVAL, HEADER_BYTES, HOST_CALL_YIELD_MS, Limit,
        Limits, METHOD_BYTES, PANIC_MESSAGE_BYTES, RANDOM_BYTES, SLOT_MEMORIES, SLOT_TABLES,
    },
    log::{LogBook, LogLine, LogStream, Stdio, printable},
    memory::{LimitHit, MemoryMeter},
};

/// A component linked and ready to make instances of.
pub(crate) struct Prepared {
    instance: InstancePre<State>,
    descriptor: descriptor::GuestIndices,
    operations: Option<operations::GuestIndices>,
    hook: Option<auth_hook::GuestIndices>,
    /// Slots of the pool that an instance takes.
    pub(crate) slots: u32,
}

impl Prepared {
    pub(crate) fn new(linker: &Linker<State>, component: &Component) -> Result<Self, HostFault> {
        let unlinkable = |error: wasmtime::Error| {
            HostFault::new(format!("the component does not fit this host: {error:#}")).hint(
                "this host serves jackfield:connector@0.1: rebuild the connector with its SDK, or update the host",
            )
        };
        let instance = linker.instantiate_pre(component).map_err(unlinkable)?;
        Ok(Self {
            descriptor: descriptor::GuestIndices::new(&instance).map_err(unlinkable)?,
            operations: operations::GuestIndices::new(&instance).ok(),
            hook: auth_hook::GuestIndices::new(&instance).ok(),
            slots: slots_of(component),
            instance,
        })
    }
}

/// What comes with few memories and tables shares a slot's with nobody; what comes with many takes those of several.
fn slots_of(component: &Component) -> u32 {
    component.resources_required().map_or(1, |required| {
        required.num_memories.div_ceil(SLOT_MEMORIES).max(required.num_tables.div_ceil(SLOT_TABLES)).max(1)
    })
}

/// As wasmtime's bindings name it; were it another version, guests would still be given wasmtime's.
const HTTP_TYPES: &str = "wasi:http/types@0.2.12";

/// Everything that a connector may import, for one engine.
pub(crate) fn linker(engine: &Engine) -> Result<Linker<State>, HostFault> {
    let fault = |error: wasmtime::Error| HostFault::new(format!("the host's imports could not be linked: {error:#}"));
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(fault)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(fault)?;
    bound_request_words(&mut linker).map_err(fault)?;
    types::add_to_linker::<_, wasmtime::component::HasSelf<State>>(&mut linker, |state| state).map_err(fault)?;
    wit_log::add_to_linker::<_, wasmtime::component::HasSelf<State>>(&mut linker, |state| state).map_err(fault)?;
    wit_files::add_to_linker::<_, wasmtime::component::HasSelf<State>>(&mut linker, |state| state).map_err(fault)?;
    Ok(linker)
}

/// wasmtime's own setters keep words of any length, in each request that a guest holds.
fn bound_request_words(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(HTTP_TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store: StoreContextMut<'_, State>, (request, method): (Resource<OutgoingRequest>, Method)| {
            if matches!(&method, Method::Other(word) if word.len() > METHOD_BYTES) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_method(request, method)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store: StoreContextMut<'_, State>, (request, authority): (Resource<OutgoingRequest>, Option<String>)| {
            if authority.as_ref().is_some_and(|authority| authority.len() > AUTHORITY_BYTES) {
                return Ok((Err(()),));
            }
            Ok((store.data_mut().http().set_authority(request, authority)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// What is called.
pub(crate) enum Entry {
    /// The pure `describe`.
    Describe,
    /// An operation.
    Operation { name: String, input: String, context: types::Context },
    /// One step of the auth hook; the answer is the step, as JSON.
    Hook(auth_hook::Exchange),
}

/// What one call is made of.
pub(crate) struct Call {
    pub(crate) entry: Entry,
    pub(crate) limits: Limits,
    pub(crate) egress: CallEgress,
    pub(crate) meter: Arc<Meter>,
    pub(crate) files: Files,
    pub(crate) log: Arc<Mutex<LogBook>>,
    pub(crate) started: Instant,
}

/// What came of it, before the files are put in their place.
pub(crate) struct Ended {
    pub(crate) result: Result<String, Failure>,
    pub(crate) bill: Bill,
    pub(crate) denials: Vec<Denial>,
    pub(crate) log: Vec<LogLine>,
    pub(crate) files: Files,
}

/// What the store holds for one call.
pub(crate) struct State {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    pub(crate) table: ResourceTable,
    egress: CallEgress,
    memory: MemoryMeter,
    pub(crate) files: Files,
    log: Arc<Mutex<LogBook>>,
    /// Calls into the host, and what the engine does on its own behalf while the guest runs: growing memory, yielding.
    crossings: u64,
    max_crossings: u64,
    host_time: Duration,
    host_entered: Option<Instant>,
    /// When it last made room for others at a host call.
    made_room: Instant,
}

impl State {
    pub(crate) fn log_book(&self) -> MutexGuard<'_, LogBook> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts and times what the guest asks of the host, and keeps it from having a thread to itself: a guest that asks and asks
/// burns too little fuel to be made to stop for that.
struct Crossing;

#[wasmtime_wasi::async_trait]
impl CallHookHandler<State> for Crossing {
    async fn handle_call_event(&self, mut store: StoreContextMut<'_, State>, hook: CallHook) -> wasmtime::Result<()> {
        let state = store.data_mut();
        match hook {
            CallHook::CallingHost => {
                state.crossings += 1;
                if state.crossings - state.memory.growths() > state.max_crossings {
                    return Err(TooManyHostCalls.into());
                }
                let mut now = Instant::now();
                if now.duration_since(state.made_room) >= Duration::from_millis(HOST_CALL_YIELD_MS) {
                    tokio::task::yield_now().await;
                    now = Instant::now();
                    state.made_room = now;
                }
                state.host_entered = Some(now);
            }
            CallHook::ReturningFromHost => {
                if let Some(entered) = state.host_entered.take() {
                    state.host_time += entered.elapsed();
                }
            }
            CallHook::CallingWasm | CallHook::ReturningFromWasm => {}
        }
        Ok(())
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.egress }
    }
}

/// Runs a call to its end: the guest's, a limit's, the deadline's, or that of whoever cancels.
pub(crate) async fn run(prepared: &Prepared, call: Call, stop: impl Future<Output = ()>) -> Ended {
    let Call { entry, limits, egress, meter, files, log, started } = call;
    let mut store = store(prepared, &limits, egress, files, log);
    let deadline = Duration::from_millis(limits.get(Limit::TimeMs));
    let mut instance_time = Duration::ZERO;

    let ended = {
        let entered = enter(prepared, &mut store, entry, &mut instance_time);
        tokio::select! {
            biased;
            result = tokio::time::timeout(deadline.saturating_sub(started.elapsed()), entered) => match result {
                Ok(result) => Ok(result),
                Err(_) => Err(Failure::Limit(LimitExceeded {
                    limit: Limit::TimeMs,
                    allowed: limits.get(Limit::TimeMs),
                    used: millis(started.elapsed()),
                })),
            },
            // After it, since watching costs more than many a call: only a guest that waits, or makes room, is watched.
            () = stop => Err(Failure::Cancelled),
        }
    };
    let fuel = limits.get(Limit::Fuel).saturating_sub(store.get_fuel().unwrap_or(0));
    let state = store.into_data();
    let (lines, last_words) = state.log.lock().unwrap_or_else(PoisonError::into_inner).finish();
    let denials = meter.denials();
    let result = explain(ended, &limits, &denials, meter.limit().or(state.files.shared().limit()), fuel, &last_words);

    let mut bill = Bill {
        fuel,
        peak_memory_bytes: state.memory.peak(),
        wall_us: micros(started.elapsed()),
        host_us: micros(state.host_time + state.host_entered.map_or(Duration::ZERO, |entered| entered.elapsed())),
        instance_us: micros(instance_time),
        host_calls: (state.crossings - state.memory.growths()).saturating_sub(yields(fuel)),
        log_lines: lines.len() as u64,
        file_bytes_in: state.files.shared().bytes_in.load(std::sync::atomic::Ordering::Relaxed),
        file_bytes_out: state.files.shared().bytes_out.load(std::sync::atomic::Ordering::Relaxed),
        ..Bill::default()
    };
    meter.fill(&mut bill);
    Ended { result, bill, denials, log: lines, files: state.files }
}

fn store(
    prepared: &Prepared,
    limits: &Limits,
    egress: CallEgress,
    files: Files,
    log: Arc<Mutex<LogBook>>,
) -> Store<State> {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(LogStream { book: log.clone(), to: Stdio::Out })
        .stderr(LogStream { book: log.clone(), to: Stdio::Err })
        .max_random_size(RANDOM_BYTES)
        // Sockets are linked, since CPython drags their import in, and every one of them says no.
        .allow_ip_name_lookup(false)
        .allow_tcp(false)
        .allow_udp(false);
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(HEADER_BYTES);
    let mut table = ResourceTable::new();
    table.set_max_capacity(usize::try_from(limits.get(Limit::Handles)).unwrap_or(usize::MAX));
    let state = State {
        wasi: wasi.build(),
        http,
        table,
        egress,
        memory: MemoryMeter::new(limits),
        files,
        log,
        crossings: 0,
        max_crossings: limits.get(Limit::HostCalls).saturating_add(yields(limits.get(Limit::Fuel))),
        host_time: Duration::ZERO,
        host_entered: None,
        made_room: Instant::now(),
    };
    let mut store = Store::new(prepared.instance.engine(), state);
    store.limiter(|state| &mut state.memory);
    store.call_hook_async(Crossing);
    // What one crossing may copy: the output with room for its frame, or a chunk of a stream.
    let crossing = limits.get(Limit::OutputBytes).max(4 << 20).saturating_add(64 << 10);
    store.set_hostcall_fuel(usize::try_from(crossing).unwrap_or(usize::MAX));
    // Both fail only where the engine has no fuel, and ours has.
    let fuelled = store.set_fuel(limits.get(Limit::Fuel));
    debug_assert!(fuelled.is_ok());
    let yields = store.fuel_async_yield_interval(Some(FUEL_YIELD_INTERVAL));
    debug_assert!(yields.is_ok());
    store
}

/// How often a call of so much fuel makes room for others, each time by a crossing that the guest did not ask for.
fn yields(fuel: u64) -> u64 {
    fuel / FUEL_YIELD_INTERVAL
}

/// The limit on host calls, as it travels through wasmtime.
#[derive(Debug, thiserror::Error)]
#[error("the limit `host-calls` is reached")]
struct TooManyHostCalls;

/// How a call ended that did not give its result.
enum Stopped {
    /// The guest's own word.
    Said(GuestError),
    /// Something broke on the way.
    Broke(wasmtime::Error),
}

impl From<wasmtime::Error> for Stopped {
    fn from(error: wasmtime::Error) -> Self {
        Self::Broke(error)
    }
}

async fn enter(
    prepared: &Prepared,
    store: &mut Store<State>,
    entry: Entry,
    instance_time: &mut Duration,
) -> Result<String, Stopped> {
    let before = Instant::now();
    let instance = prepared.instance.instantiate_async(&mut *store).await?;
    *instance_time = before.elapsed();
    match entry {
        Entry::Describe => {
            let guest = prepared.descriptor.load(&mut *store, &instance)?;
            Ok(guest.call_describe(&mut *store).await?)
        }
        Entry::Operation { name, input, context } => {
            let Some(operations) = &prepared.operations else {
                let fault = HostFault::new("the component exports no operations, though its manifest names one");
                return Err(Stopped::Broke(fault.into()));
            };
            let guest = operations.load(&mut *store, &instance)?;
            guest.call_invoke(&mut *store, &name, &input, &context).await?.map_err(|error| Stopped::Said(error.into()))
        }
        Entry::Hook(exchange) => {
            let Some(hook) = &prepared.hook else {
                let fault = HostFault::new("the component exports no `auth-hook`, though its manifest names one");
                return Err(Stopped::Broke(fault.into()));
            };
            let guest = hook.load(&mut *store, &instance)?;
            let step = guest.call_next(&mut *store, &exchange).await?.map_err(|error| Stopped::Said(error.into()))?;
            serde_json::to_string(&jackfield_broker::hook::Step::from(step))
                .map_err(|error| Stopped::Broke(HostFault::new(format!("a hook's step: {error}")).into()))
        }
    }
}

/// Finds the one reason among what was seen.
fn explain(
    ended: Result<Result<String, Stopped>, Failure>,
    limits: &Limits,
    denials: &[Denial],
    limit: Option<LimitExceeded>,
    fuel: u64,
    last_words: &str,
) -> Result<String, Failure> {
    let stopped = match ended? {
        Ok(output) => return accept(output, limits),
        Err(stopped) => stopped,
    };
    match stopped {
        // The connector says that it failed by a denial, and there was one: the denial is the reason, and has the fix.
        Stopped::Said(error) if error.code == "denied" => match denials.first() {
            Some(denial) => Err(Failure::Denied(denial.clone())),
            None => Err(Failure::Guest(error)),
        },
        // A limit that the guest was told of, and failed by.
        Stopped::Said(error) => Err(limit.map_or_else(|| Failure::Guest(bounded(error, limits)), Failure::Limit)),
        Stopped::Broke(error) => Err(broken(&error, limits, limit, fuel, last_words)),
    }
}

fn accept(output: String, limits: &Limits) -> Result<String, Failure> {
    let allowed = limits.get(Limit::OutputBytes);
    if output.len() as u64 > allowed {
        return Err(Failure::Limit(LimitExceeded { limit: Limit::OutputBytes, allowed, used: output.len() as u64 }));
    }
    // Callers embed it, so what is not JSON must not pass.
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&output) {
        return Err(Failure::Panic(Panic {
            message: format!("its answer is not JSON: {error}"),
            backtrace: Vec::new(),
        }));
    }
    Ok(output)
}

/// Error texts are for people and logs; they have the same bound as the output, and one of their own.
fn bounded(mut error: GuestError, limits: &Limits) -> GuestError {
    let allowed = usize::try_from(limits.get(Limit::OutputBytes)).unwrap_or(usize::MAX).min(ERROR_TEXT_BYTES);
    for text in [&mut error.code, &mut error.message] {
        *text = shortened(std::mem::take(text), allowed);
    }
    error
}

fn broken(
    error: &wasmtime::Error,
    limits: &Limits,
    limit: Option<LimitExceeded>,
    fuel: u64,
    last_words: &str,
) -> Failure {
    let exceeded = |limit: Limit, used: u64| Failure::Limit(LimitExceeded { limit, allowed: limits.get(limit), used });
    if let Some(LimitHit(limit)) = error.downcast_ref::<LimitHit>() {
        return Failure::Limit(*limit);
    }
    if error.downcast_ref::<TooManyHostCalls>().is_some() {
        return exceeded(Limit::HostCalls, limits.get(Limit::HostCalls) + 1);
    }
    if let Some(fault) = error.downcast_ref::<HostFault>() {
        return Failure::Host(fault.clone());
    }
    if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
        return HostFault::new("as many instances run as this host has room for")
            .hint("try again in a moment, or lower `concurrent-calls` of the busiest installations")
            .into();
    }
    if matches!(error.downcast_ref::<ResourceTableError>(), Some(ResourceTableError::Full)) {
        return exceeded(Limit::Handles, limits.get(Limit::Handles) + 1);
    }
    let trap = error.downcast_ref::<Trap>();
    match trap {
        Some(Trap::OutOfFuel) => return exceeded(Limit::Fuel, fuel),
        Some(Trap::StackOverflow) => return exceeded(Limit::StackBytes, limits.get(Limit::StackBytes) + 1),
        _ => {}
    }
    // A guest that panics because a limit was reached: the limit is the reason.
    if let Some(limit) = limit {
        return Failure::Limit(limit);
    }
    // The first cause only: what wasmtime wraps around it repeats the backtrace, with names as long as the guest likes.
    let text = shortened(error.root_cause().to_string(), PANIC_MESSAGE_BYTES);
    if trap.is_none() && text.contains("fuel allocated for hostcalls") {
        return exceeded(Limit::OutputBytes, limits.get(Limit::OutputBytes) + 1);
    }
    let exit = error.downcast_ref::<I32Exit>().map(|exit| format!("the connector called exit({})", exit.0));
    let message = panic_message(last_words).or(exit).unwrap_or_else(|| trap.map_or(text, ToString::to_string));
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let backtrace = frames
        .iter()
        .map(|frame| frame.func_name().map_or_else(|| format!("function {}", frame.func_index()), demangled))
        .collect();
    Failure::Panic(Panic { message, backtrace })
}

/// What a Rust panic says on stderr, without the advice on environment variables that nobody can set in here.
fn panic_message(last_words: &str) -> Option<String> {
    let from = last_words.rfind("thread '").unwrap_or(0);
    let lines: Vec<_> = last_words[from..]
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.starts_with("note: run with `RUST_BACKTRACE"))
        .collect();
    let text = lines.join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn demangled(name: &str) -> String {
    let short = &name[..name.floor_char_boundary(FRAME_CHARS * 4)];
    let whole = printable(&format!("{:#}", rustc_demangle::demangle(short)));
    shortened(whole, FRAME_CHARS)
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Ends when either token is cancelled.
pub(crate) async fn either(one: &CancellationToken, other: &CancellationToken) {
    tokio::select! {
        () = one.cancelled() => {}
        () = other.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_backtrace_is_short_and_printable() {
        assert_eq!(demangled("_ZN5hello4main17h0123456789abcdefE"), "hello::main");
        assert_eq!(demangled("a\x1b[2Jb"), "a\u{fffd}[2Jb");
        let long = demangled(&"é".repeat(1 << 20));
        assert!(long.len() <= FRAME_CHARS + '…'.len_utf8() && long.ends_with('…'), "{} bytes", long.len());
    }
}
