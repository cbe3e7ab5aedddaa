// Loaded by each Node program below a `devports run` that answers binds (NODE_OPTIONS=--require).
//
// Only when a listen() on a declared port fails with EADDRINUSE does it ask devports for the port,
// over the socket that $DEVPORTS_HOOK names; devports gives a socket bound to the same address, on
// which the server listens instead. Without an answer the server gets its error as ever.
'use strict';

const [token, list, ...rest] = (process.env.DEVPORTS_HOOK || '').split(' ');
const path = rest.join(' ');
const ports = new Set((list || '').split(',').filter(Boolean).map(Number));

if (path && ports.size) {
  const net = require('net');
  const listen = net.Server.prototype.listen;
  net.Server.prototype.listen = function (...args) {
    const port = portOf(args);
    if (ports.has(port)) guard(this, listen, backlogOf(args), net, hostOf(args) ? 0 : port);
    return listen.apply(this, args);
  };
}

function portOf([first]) {
  return Number(first !== null && typeof first === 'object' ? first.port : first);
}

function hostOf([first, second]) {
  return first !== null && typeof first === 'object' ? first.host : typeof second === 'string';
}

function backlogOf([first, ...others]) {
  if (first !== null && typeof first === 'object') return first.backlog;
  return others.find((word) => typeof word === 'number');
}

// Keep the error from the server's listeners until devports has answered. `emit` and `address` are
// the server's own again as soon as it listens, closes or fails for good. Without a host listen(2)
// is done at once, and programs read the port right behind it: `early` is that port.
function guard(server, listen, backlog, net, early) {
  const own = Object.getOwnPropertyDescriptor(server, 'emit');
  const { emit, address } = server;
  let asked = false;
  const leave = () => {
    delete server.emit;
    if (own) Object.defineProperty(server, 'emit', own);
    delete server.address;
  };
  if (early) {
    const soon = { address: '::', family: 'IPv6', port: early };
    server.address = () => address.call(server) || soon;
  }
  const guarded = server.emit = function (event, error, ...others) {
    const ours = event === 'error' && error && error.code === 'EADDRINUSE' && !asked
      && ports.has(error.port) && typeof error.address === 'string';
    if (!ours) {
      if (event === 'listening' || event === 'close' || event === 'error') leave();
      return emit.call(this, event, error, ...others);
    }
    asked = true;
    ask(error.address, error.port, net, (answer, handle) => {
      if (server.emit !== guarded) {  // it was closed meanwhile
        if (handle) handle.close();
      } else if (handle) {
        listen.call(server, handle, backlog);
      } else if (answer === 'retry') {
        listen.call(server, { host: error.address, port: error.port, backlog });
      } else {
        leave();
        emit.call(server, event, error, ...others);
      }
    });
    return true;
  };
}

function ask(address, port, net, done) {
  try {
    askForHandle(`${token} adopt ${address} ${port}\n`, done);
  } catch {
    askForRoom(`${token} bind ${address} ${port}\n`, net, done);
  }
}

// A descriptor can be received only by a pipe in IPC mode, which is not public (DEP0111); where it
// is not to be had, devports gets out of the way instead.
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
  if (pipe.connect(connecting, path)) finish('');
}

function askForRoom(question, net, done) {
  let said = '';
  const channel = net.connect(path, () => channel.write(question));
  channel.on('data', (data) => { said += data; });
  channel.on('error', () => {});
  channel.on('close', () => done(said.trim(), null));
}
