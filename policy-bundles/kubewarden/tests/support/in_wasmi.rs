//! A waPC host on `wasmi`.

use wasmi::{Caller, Engine, Extern, Linker, Memory, Module, Store};

use super::{Listed, Outcome, Step};

#[derive(Default)]
struct Host {
    op: Vec<u8>,
    request: Vec<u8>,
    caches: Option<Listed>,
    response: Option<String>,
    error: Option<String>,
    host_response: Vec<u8>,
    host_error: Vec<u8>,
    asked: Vec<[String; 4]>,
}

fn memory(caller: &Caller<'_, Host>) -> Memory {
    caller
        .get_export("memory")
        .and_then(Extern::into_memory)
        .unwrap()
}

fn text(caller: &Caller<'_, Host>, at: u32, length: u32) -> String {
    let mut bytes = vec![0; length as usize];
    memory(caller)
        .read(caller, at as usize, &mut bytes)
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

fn put(caller: &mut Caller<'_, Host>, at: u32, bytes: &[u8]) {
    memory(caller).write(caller, at as usize, bytes).unwrap();
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

fn host_call(mut caller: Caller<'_, Host>, call: [String; 4]) -> u32 {
    let host = caller.data_mut();
    host.asked.push(call);
    match host.caches.clone() {
        Some(Listed::Ok(list)) => answer(host, list.into_bytes()),
        Some(Listed::Bytes(list)) => answer(host, list),
        Some(Listed::Error(error)) => refuse(host, error.into_bytes()),
        Some(Listed::Refusal(error)) => refuse(host, error),
        None => refuse(host, b"no call was expected".to_vec()),
    }
}

fn answer(host: &mut Host, list: Vec<u8>) -> u32 {
    host.host_response = list;
    1
}

fn refuse(host: &mut Host, error: Vec<u8>) -> u32 {
    host.host_error = error;
    0
}

/// A policy, compiled once.
pub(crate) struct Wasmi {
    module: Module,
    linker: Linker<Host>,
}

impl Wasmi {
    pub(crate) fn load(wasm: &[u8]) -> Self {
        let engine = Engine::default();
        let module = Module::new(&engine, wasm).unwrap();
        Wasmi {
            module,
            linker: linker(&engine),
        }
    }

    /// Modules and names of the imports.
    pub(crate) fn imports(&self) -> Vec<(String, String)> {
        let imports = self.module.imports();
        imports
            .map(|import| (import.module().to_owned(), import.name().to_owned()))
            .collect()
    }

    pub(crate) fn run(&self, step: &Step<'_>) -> Outcome {
        let host = Host {
            op: step.op.as_bytes().to_vec(),
            request: step.payload.as_bytes().to_vec(),
            caches: step.caches.clone(),
            ..Host::default()
        };
        let lengths = (length(&host.op), length(&host.request));
        let mut store = Store::new(self.module.engine(), host);
        let instance = self
            .linker
            .instantiate_and_start(&mut store, &self.module)
            .unwrap();
        let init = instance
            .get_typed_func::<(), ()>(&store, "wapc_init")
            .unwrap();
        init.call(&mut store, ()).unwrap();
        let call = instance
            .get_typed_func::<(u32, u32), u32>(&store, "__guest_call")
            .unwrap();
        let ok = call
            .call(&mut store, lengths)
            .expect("the guest trapped in wasmi")
            == 1;
        let host = store.into_data();
        let answer = if ok { host.response } else { host.error };
        Outcome {
            ok,
            answer: answer.unwrap(),
            asked: host.asked,
        }
    }
}

fn linker(engine: &Engine) -> Linker<Host> {
    let mut linker = Linker::new(engine);
    linker
        .func_wrap(
            "wapc",
            "__guest_request",
            |mut caller: Caller<'_, Host>, op_at: u32, at: u32| {
                let (op, request) = (caller.data().op.clone(), caller.data().request.clone());
                put(&mut caller, op_at, &op);
                put(&mut caller, at, &request);
            },
        )
        .unwrap();
    linker
        .func_wrap(
            "wapc",
            "__guest_response",
            |mut caller: Caller<'_, Host>, at: u32, len: u32| {
                caller.data_mut().response = Some(text(&caller, at, len));
            },
        )
        .unwrap();
    linker
        .func_wrap(
            "wapc",
            "__guest_error",
            |mut caller: Caller<'_, Host>, at: u32, len: u32| {
                caller.data_mut().error = Some(text(&caller, at, len));
            },
        )
        .unwrap();
    linker
        .func_wrap(
            "wapc",
            "__host_call",
            |caller: Caller<'_, Host>,
             bd: u32,
             bd_len: u32,
             ns: u32,
             ns_len: u32,
             op: u32,
             op_len: u32,
             at: u32,
             len: u32| {
                let call = [(bd, bd_len), (ns, ns_len), (op, op_len), (at, len)]
                    .map(|(at, len)| text(&caller, at, len));
                host_call(caller, call)
            },
        )
        .unwrap();
    linker
        .func_wrap(
            "wapc",
            "__host_response",
            |mut caller: Caller<'_, Host>, at: u32| {
                let bytes = caller.data().host_response.clone();
                put(&mut caller, at, &bytes);
            },
        )
        .unwrap();
    linker
        .func_wrap("wapc", "__host_response_len", |caller: Caller<'_, Host>| {
            length(&caller.data().host_response)
        })
        .unwrap();
    linker
        .func_wrap(
            "wapc",
            "__host_error",
            |mut caller: Caller<'_, Host>, at: u32| {
                let bytes = caller.data().host_error.clone();
                put(&mut caller, at, &bytes);
            },
        )
        .unwrap();
    linker
        .func_wrap("wapc", "__host_error_len", |caller: Caller<'_, Host>| {
            length(&caller.data().host_error)
        })
        .unwrap();
    linker
        .func_wrap(
            "wapc",
            "__console_log",
            |_: Caller<'_, Host>, _: u32, _: u32| {},
        )
        .unwrap();
    linker
}
