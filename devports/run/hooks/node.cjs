// Loaded by each Node program below a `devports run` that hands its port over
// (NODE_OPTIONS=--require).
//
// It reports itself. Only if a listen() on a declared port fails with EADDRINUSE does it request the
// port from devports, over the socket in the folder that $DEVPORTS_HOOK names; devports passes a
// socket bound to the same address, on which the server listens instead. Without a reply the server
// gets its error as before, and that is reported, as for every other port: over a FIFO, which needs
// no reader.
'use strict';

const [token, list, ...rest] = (process.env.DEVPORTS_HOOK || '').split(' ');
const folder = rest.join(' ');
const ports = new Set((list || '').split(',').filter(Boolean).map(Number));

if (folder) {
  tell(`hello ${process.pid} node ${(process.argv[1] || '').slice(-100)}`);
  const net = require('net');
  const { errorMonitor } = require('events');
  const listen = net.Server.prototype.listen;
  net.Server.prototype.listen = function (...args) {
    const wanted = wantedBy(args);
    // Called before the server's own listeners, not instead of them.
    if (!this.listeners(errorMonitor).includes(tellError)) this.on(errorMonitor, tellError);
    if (ports.has(Number(wanted.port))) guard(this, listen, wanted, net);
    return listen.apply(this, args);
  };
}

function tell(words) {
  const { openSync, writeSync, closeSync, constants } = require('fs');
  try {
    const fifo = openSync(`${folder}/tell`, constants.O_WRONLY | constants.O_NONBLOCK);
    try {
      writeSync(fifo, `${words}\n`);
    } finally {
      closeSync(fifo);
    }
  } catch {}
}

// In a worker of `cluster` the bind has failed.
function tellError(error) {
  if (!error || !['listen', 'bind'].includes(error.syscall) || !error.port) return;
  tell(`fail ${process.pid} tcp ${error.address} ${error.port} ${-error.errno}`);
}

// What listen() was called with, as its object form has it (nodejs.org/api/net.html).
function wantedBy([first, ...others]) {
  if (first !== null && typeof first === 'object') return { ...first, signal: undefined };
  return {
    port: first,
    host: others.find((word) => typeof word === 'string'),
    backlog: others.find((word) => typeof word === 'number'),
  };
}

// Keep the error from the server's listeners until devports has replied. `emit` and `address` are
// restored as soon as the server listens, closes or fails finally. Without a host listen(2) is done
// at once, and programs read the port right after it.
function guard(server, listen, wanted, net) {
  const own = Object.getOwnPropertyDescriptor(server, 'emit');
  const { emit, address } = server;
  let asked = false;
  const leave = () => {
    delete server.emit;
    if (own) Object.defineProperty(server, 'emit', own);
    delete server.address;
  };
  if (!wanted.host) {
    const soon = { address: '::', family: 'IPv6', port: Number(wanted.port) };
    server.address = () => address.call(server) || soon;
  }
  const guarded = server.emit = function (event, error, ...others) {
    const requested = event === 'error' && error && error.code === 'EADDRINUSE' && !asked
      && ports.has(error.port) && typeof error.address === 'string';
    if (!requested) {
      if (event === 'listening' || event === 'close' || event === 'error') leave();
      return emit.call(this, event, error, ...others);
    }
    asked = true;
    const shared = wanted.ipv6Only || wanted.reusePort;  // no socket of devports would do
    ask(`${error.address} ${error.port}\n`, shared, net, (answer, handle) => {
      if (server.emit !== guarded) {  // closed during the request
        if (handle) handle.close();
      } else if (handle) {
        listen.call(server, handle, wanted.backlog);
      } else if (answer === 'retry') {
        listen.call(server, { ...wanted, host: error.address });
      } else {
        leave();
        emit.call(server, event, error, ...others);
      }
    });
    return true;
  };
}

function ask(where, shared, net, done) {
  if (!shared) {
    try {
      return askForHandle(`${token} adopt ${where}`, done);
    } catch {}
  }
  return askForRoom(`${token} bind ${where}`, net, done);
}

// A descriptor can be received only by a pipe in IPC mode, which is not public (DEP0111); without
// one, devports releases the port instead.
function askForHandle(question, done) {
  const { Pipe, PipeConnectWrap, constants } = process.binding('pipe_wrap');
  const { WriteWrap } = process.binding('stream_wrap');
  const pipe = new Pipe(constants.IPC);
  const finish = (answer) => {
    const handle = pipe.pendingHandle || null;
    pipe.pendingHandle = null;
    pipe.close();
    done(answer, handle);
  };
  const connecting = new PipeConnectWrap();
  connecting.oncomplete = (status) => {
    if (status < 0) return finish('');
    pipe.onread = (data) => finish(data ? Buffer.from(data).toString().trim() : '');
    pipe.readStart();
    const writing = new WriteWrap();
    writing.oncomplete = () => {};
    pipe.writeUtf8String(writing, question);
  };
  if (pipe.connect(connecting, `${folder}/ask`)) finish('');
}

function askForRoom(question, net, done) {
  let said = '';
  const channel = net.connect(`${folder}/ask`, () => channel.write(question));
  channel.on('data', (data) => { said += data; });
  channel.on('error', () => {});
  channel.on('close', () => done(said.trim(), null));
}
