// Whose processes are whose, by /proc. Nothing is ever ended but what descends from our own VS Code, by pid and start.
import fs from 'node:fs';
import net from 'node:net';

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));

export async function until(probe, ms, what) {
  const end = Date.now() + ms;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`);
    await sleep(100);
  }
}

export const isOpen = (port, host = '127.0.0.1') =>
  new Promise(resolve => {
    const socket = net.connect(port, host, () => (socket.destroy(), resolve(true)));
    socket.on('error', () => resolve(false));
  });

export const freePort = () =>
  new Promise(resolve => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });

function stat(pid) {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0], parent: +fields[1], start: fields[19] };
  } catch {
    return null;
  }
}

function commandLine(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0/g, ' ').trim();
  } catch {
    return '';
  }
}

// VS Code's own helpers come and go as it likes.
const INTERNAL = /code-server|bootstrap-fork|--type=|bash --init-file|js-debug|jsonServerMain|tsserver/;

export class Family {
  constructor(root) {
    this.root = root;
    this.seen = new Map();
  }

  look() {
    const all = new Map();
    for (const name of fs.readdirSync('/proc')) {
      const found = /^\d+$/.test(name) && stat(+name);
      if (found) all.set(+name, found);
    }
    const mine = new Set([this.root]);
    for (let before = 0; before !== mine.size; ) {
      before = mine.size;
      for (const [pid, { parent }] of all) if (mine.has(parent)) mine.add(pid);
    }
    mine.delete(this.root);
    for (const pid of mine) {
      const command = commandLine(pid);
      if (command && !INTERNAL.test(command)) this.seen.set(pid, { start: all.get(pid).start, command });
    }
  }

  living() {
    this.look();
    const found = [];
    for (const [pid, { start, command }] of this.seen) {
      const now = stat(pid);
      if (now && now.start === start && now.state !== 'Z') {
        found.push({ pid, command, orphan: now.parent === 1 });
      }
    }
    return found;
  }
}
