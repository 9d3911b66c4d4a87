//! A waPC host on wasmtime that does for each request what a policy server does: it writes the request down, makes
//! an instance of the policy, asks it, writes the list of caches down when it is asked for it, and reads the answer.

use std::sync::Arc;

use serde_json::{Value, json};
use wasmtime::error::Context;
use wasmtime::{
    Caller, Config, Engine, Extern, InstancePre, Linker, Memory, Module, Result, Store, bail,
    format_err,
};

/// What one request has at hand, and what came of it.
#[derive(Default)]
struct Call {
    request: Vec<u8>,
    /// The list of caches, as the host keeps it.
    caches: Arc<Value>,
    list: Vec<u8>,
    response: Vec<u8>,
    failed: bool,
}

/// The policy, compiled once.
pub(crate) struct Policy {
    engine: Engine,
    instance: InstancePre<Call>,
}

const OPERATION: &[u8] = b"validate";

impl Policy {
    pub(crate) fn load(wasm: &[u8]) -> Result<Self> {
        let mut config = Config::new();
        // A policy server stops policies that take too long; the checks for it are part of the cost.
        config.epoch_interruption(true);
        Self::compile(wasm, &config)
    }

    /// The policy with a counter in it.
    pub(crate) fn load_counted(wasm: &[u8]) -> Result<Self> {
        Self::compile(wasm, Config::new().consume_fuel(true))
    }

    fn compile(wasm: &[u8], config: &Config) -> Result<Self> {
        let engine = Engine::new(config)?;
        let module = Module::new(&engine, wasm)?;
        let instance = linker(&engine)?.instantiate_pre(&module)?;
        Ok(Policy { engine, instance })
    }

    /// Asks the policy about a request, in an instance of its own; the answer, and the instructions it took if they are
    /// counted.
    pub(crate) fn validate(
        &self,
        request: &Value,
        settings: &Value,
        caches: &Arc<Value>,
    ) -> Result<(Value, u64)> {
        let call = Call {
            request: serde_json::to_vec(&json!({"request": request, "settings": settings}))?,
            caches: Arc::clone(caches),
            ..Call::default()
        };
        let length = u32::try_from(call.request.len())?;
        let mut store = Store::new(&self.engine, call);
        store.set_epoch_deadline(2);
        let counted = store.set_fuel(u64::MAX).is_ok();
        let instance = self.instance.instantiate(&mut store)?;
        instance
            .get_typed_func::<(), ()>(&mut store, "wapc_init")?
            .call(&mut store, ())?;
        let guest = instance.get_typed_func::<(u32, u32), u32>(&mut store, "__guest_call")?;
        let ok = guest.call(&mut store, (u32::try_from(OPERATION.len())?, length))?;
        let instructions = if counted {
            u64::MAX - store.get_fuel()?
        } else {
            0
        };
        let call = store.into_data();
        if ok != 1 || call.failed {
            bail!(
                "the policy reported an error: {}",
                String::from_utf8_lossy(&call.response)
            );
        }
        let answer = serde_json::from_slice(&call.response).context("the answer is not JSON")?;
        Ok((answer, instructions))
    }
}

fn memory(caller: &mut Caller<'_, Call>) -> Result<Memory> {
    caller
        .get_export("memory")
        .and_then(Extern::into_memory)
        .ok_or_else(|| format_err!("the policy exports no memory"))
}

/// Copies what `of` shows of the call into the guest.
fn put(caller: &mut Caller<'_, Call>, at: u32, of: fn(&Call) -> &[u8]) -> Result<()> {
    let memory = memory(caller)?;
    let (bytes, call) = memory.data_and_store_mut(caller);
    let source = of(call);
    let place = bytes
        .get_mut(at as usize..)
        .and_then(|bytes| bytes.get_mut(..source.len()));
    place
        .context("a place outside the memory")?
        .copy_from_slice(source);
    Ok(())
}

fn take(caller: &mut Caller<'_, Call>, at: u32, length: u32) -> Result<Vec<u8>> {
    let memory = memory(caller)?;
    let bytes = memory
        .data(&caller)
        .get(at as usize..)
        .and_then(|bytes| bytes.get(..length as usize));
    Ok(bytes.context("a place outside the memory")?.to_vec())
}

fn linker(engine: &Engine) -> Result<Linker<Call>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(
        "wapc",
        "__guest_request",
        |mut caller: Caller<'_, Call>, op: u32, at: u32| {
            put(&mut caller, op, |_| OPERATION)?;
            Ok(put(&mut caller, at, |call| &call.request)?)
        },
    )?;
    linker.func_wrap(
        "wapc",
        "__guest_response",
        |mut caller: Caller<'_, Call>, at: u32, length: u32| {
            caller.data_mut().response = take(&mut caller, at, length)?;
            Ok(())
        },
    )?;
    linker.func_wrap(
        "wapc",
        "__guest_error",
        |mut caller: Caller<'_, Call>, at: u32, length: u32| {
            caller.data_mut().response = take(&mut caller, at, length)?;
            caller.data_mut().failed = true;
            Ok(())
        },
    )?;
    linker.func_wrap(
        "wapc",
        "__host_call",
        |mut caller: Caller<'_, Call>,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         _: u32,
         at: u32,
         length: u32| {
            let question: Value = serde_json::from_slice(&take(&mut caller, at, length)?)?;
            if question["kind"] != "ImageCache" {
                return Err(wasmtime::Error::msg("only image caches are listed here"));
            }
            let call = caller.data_mut();
            call.list = serde_json::to_vec(&*call.caches)?;
            Ok(1u32)
        },
    )?;
    linker.func_wrap("wapc", "__host_response_len", |caller: Caller<'_, Call>| {
        Ok(u32::try_from(caller.data().list.len())?)
    })?;
    linker.func_wrap(
        "wapc",
        "__host_response",
        |mut caller: Caller<'_, Call>, at: u32| Ok(put(&mut caller, at, |call| &call.list)?),
    )?;
    linker.func_wrap("wapc", "__host_error_len", |_: Caller<'_, Call>| 0u32)?;
    linker.func_wrap("wapc", "__host_error", |_: Caller<'_, Call>, _: u32| {})?;
    linker.func_wrap(
        "wapc",
        "__console_log",
        |_: Caller<'_, Call>, _: u32, _: u32| {},
    )?;
    Ok(linker)
}
