// Plays steps in a real VS Code: driver.mjs LAB WORKSPACE STEPS.json OUT. Started by `python -m tests.vscode`.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Family, freePort, isOpen, sleep, until } from './processes.mjs';
import { Window } from './window.mjs';

const [lab, workspace, stepsFile, out] = process.argv.slice(2).map(each => path.resolve(each));
const { steps, env, patience } = JSON.parse(fs.readFileSync(stepsFile, 'utf8'));
const here = path.dirname(fileURLToPath(import.meta.url));
const home = fs.mkdtempSync(path.join(os.tmpdir(), 'devports-vscode-'));
const probe = path.join(home, 'probe');
const SETTINGS = {
  'chat.disableAIFeatures': true,
  'extensions.autoCheckUpdates': false,
  'extensions.ignoreRecommendations': true,
  'git.enabled': false,
  'npm.autoDetect': 'off',
  'remote.autoForwardPorts': false,
  'security.workspace.trust.enabled': false,
  'telemetry.telemetryLevel': 'off',
  'terminal.integrated.gpuAcceleration': 'off', // drawn as text, which can be read
  'update.mode': 'none',
  'window.dialogStyle': 'custom',
  'workbench.colorTheme': 'Default Light Modern',
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'workbench.startupEditor': 'none',
};
const DIALOG = '.monaco-dialog-box';
const TOAST = '.notification-toast';
const SIZE = { width: 1280, height: 860 };
const SLOWEST = 120000; // a window on a slow machine

let server, browser, page, window, family, port;
const others = new Map();
const restores = []; // what files held before the first change

function events() {
  const file = path.join(probe, 'events.jsonl');
  const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').trim() : '';
  return text ? text.split('\n').map(line => JSON.parse(line)) : [];
}
const activations = () => events().filter(each => each.event === 'activate').length;

async function start() {
  port = await freePort();
  fs.mkdirSync(path.join(home, 'data/User'), { recursive: true });
  fs.mkdirSync(probe);
  fs.writeFileSync(path.join(home, 'data/User/settings.json'), JSON.stringify(SETTINGS));
  for (const name of ['probe', 'debugpy']) {
    fs.cpSync(path.join(here, name), path.join(home, `extensions/tests.devports-${name}-0.0.1`), { recursive: true });
  }
  fs.writeFileSync(path.join(home, 'config.yaml'), 'auth: none\n');
  const clean = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(VSCODE_|npm_)/.test(key)));
  const words = [
    path.join(lab, 'node_modules/code-server/out/node/entry.js'), '--config', path.join(home, 'config.yaml'),
    '--bind-addr', `127.0.0.1:${port}`, '--auth', 'none', '--disable-telemetry', '--disable-update-check',
    '--disable-workspace-trust', '--disable-getting-started-override', '--ignore-last-opened',
    '--user-data-dir', path.join(home, 'data'), '--extensions-dir', path.join(home, 'extensions'),
  ];
  const log = fs.openSync(path.join(out, 'server.log'), 'w');
  server = spawn(process.execPath, words, {
    env: { ...clean, ...env, PROBE_DIR: probe }, stdio: ['ignore', log, log],
  });
  family = new Family(server.pid);
  await until(() => isOpen(port), 120000, 'the port of VS Code');
  const { chromium } = createRequire(path.join(lab, 'x.js'))('playwright-core');
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  });
  await openWindow();
}

async function openWindow() {
  const before = activations();
  const where = env.WORKSPACE_FILE ? `workspace=${encodeURIComponent(env.WORKSPACE_FILE)}` : `folder=${encodeURIComponent(workspace)}`;
  page = await (await browser.newContext({ viewport: SIZE })).newPage();
  page.setDefaultTimeout(30000 * patience);
  window = new Window(page);
  await page.goto(`http://127.0.0.1:${port}/?${where}`);
  await until(() => activations() > before, SLOWEST, 'the extension host');
  await sleep(500);
}

async function stop() {
  for (const child of others.values()) if (child.exitCode === null) child.kill('SIGTERM');
  await browser?.close().catch(() => {});
  if (server) {
    const gone = new Promise(resolve => server.on('exit', resolve));
    server.kill('SIGTERM');
    await Promise.race([gone, sleep(5000)]);
    await until(() => !family.living().length, 8000, 'the end of all').catch(() => {});
    for (const { pid, command } of family.living()) {
      console.log(`left behind: ${command}`);
      process.kill(pid, 'SIGKILL');
    }
  }
  fs.rmSync(home, { recursive: true, force: true });
}

async function answers(url) {
  const response = await fetch(url).catch(() => null);
  return response !== null && response.status < 400;
}

const VERBS = {
  note: async () => {},
  runTask: value => window.choose('Tasks: Run Task', value),
  terminateTask: value => window.choose('Tasks: Terminate Task', value),
  restartTask: async value => {
    await window.command('Tasks: Restart Running Task');
    await sleep(600);
    if (await page.locator('.quick-input-widget:visible').count()) await window.pick(value, 3000);
  },
  debug: value => window.choose('Debug: Select and Start Debugging', value),
  f5: () => window.press('F5'),
  stopDebug: async () => {
    await window.press('Shift+F5');
    await until(async () => !(await window.debugs()), 8000, 'the end of debugging');
  },
  command: value => window.command(value),
  type: value => page.keyboard.type(value, { delay: 20 }),
  press: value => window.press(...[].concat(value)),
  reload: async () => {
    const before = activations();
    await page.reload({ timeout: SLOWEST });
    await until(() => activations() > before, SLOWEST, 'the extension host again');
    await sleep(2500);
  },
  closeWindow: () => page.context().close(),
  openWindow: async () => {
    await openWindow();
    await sleep(2500);
  },
  resize: ([width, height]) => page.setViewportSize({ width, height }),
  ask: async url => void fetch(url).catch(() => null), // its answer may come after a breakpoint
  kill: async value => {
    const found = family.living().filter(each => new RegExp(value).test(each.command));
    if (!found.length) throw new Error(`no ${value} in ${JSON.stringify(family.living())}`);
    process.kill(found.at(-1).pid, 'SIGKILL');
  },
  clickDialog: value => window.click(DIALOG, value),
  clickToast: value => window.click(TOAST, value),
  write: async ({ file, text }) => {
    const before = path.join(workspace, file);
    if (fs.existsSync(before) && !restores.some(each => each[0] === before)) {
      restores.push([before, fs.readFileSync(before, 'utf8')]);
    }
    fs.writeFileSync(path.join(workspace, file), text.replaceAll('PORT_OF_VS_CODE', port));
    await sleep(1200);
  },
  sh: async ({ words, code = 0 }) => {
    const done = spawnSync(words[0], words.slice(1), { cwd: workspace, encoding: 'utf8', env: { ...process.env, ...env } });
    if (done.status !== code) throw new Error(`exit ${done.status}: ${done.stdout}${done.stderr}`);
  },
  start: async ({ id, words, port: taken }) => {
    others.set(id, spawn(words[0], words.slice(1), { cwd: workspace, stdio: 'ignore' }));
    await until(() => isOpen(taken), 10000, `port ${taken} open`);
  },
  stop: async id => {
    const child = others.get(id);
    if (child.exitCode === null && child.signalCode === null) {
      const gone = new Promise(resolve => child.on('exit', resolve));
      child.kill('SIGTERM');
      await gone;
    }
  },
  screenshot: value => page.screenshot({ path: path.join(out, `${value}.png`) }),
  schemas: async folder => {
    for (const name of ['tasks', 'launch']) {
      fs.copyFileSync(path.join(probe, `${name}.schema.json`), path.join(folder, `${name}.schema.json`));
    }
  },
  expectTasks: async value => {
    await window.command('Tasks: Run Task');
    await sleep(800);
    for (const label of value) {
      await window.input.fill(label);
      await sleep(400);
      const rows = await window.rows();
      if (!rows.some(row => row.includes(label))) throw new Error(`no ${label} in ${rows}`);
    }
    await window.press('Escape');
  },
  expectFocus: async (_, { timeout }) => until(() => window.typesIntoTerminal(), timeout, 'the keyboard in the terminal'),
  expectQuiet: async ms => {
    for (const end = Date.now() + ms; Date.now() < end; await sleep(200)) {
      const seen = [...(await window.texts(DIALOG)), ...(await window.texts(TOAST))];
      if (seen.length) throw new Error(JSON.stringify(seen));
    }
  },
  expectNoList: async () => {
    if (await page.locator('.quick-input-widget:visible').count()) throw new Error(`a list: ${await window.rows()}`);
  },
  expectTerminal: async (value, { timeout }) => {
    let last = '';
    const shows = async () => new RegExp(value).test((last = await window.terminal()));
    await until(shows, timeout, value).catch(error => {
      throw new Error(`${error.message}\n${last}`);
    });
  },
  expectAsked: async (value, { timeout }) => {
    let last = '';
    const asked = async () => new RegExp(value).test((last = await window.terminal()))
      && /^ > \w {2}/m.test(last) && window.typesIntoTerminal();
    await until(asked, timeout, value).catch(error => {
      throw new Error(`${error.message}\n${last}`);
    });
  },
  // In the first moments of a question only "no" counts: a key is pressed until it was taken.
  pressUntil: async ({ press, shows, gone }, { timeout }) => {
    let last = '';
    const taken = async () => new RegExp(shows ?? gone, 'm').test((last = await window.terminal())) === !gone;
    for (const end = Date.now() + timeout; !(await taken());) {
      if (Date.now() > end) throw new Error(`${press} was not taken\n${last}`);
      await window.press(press);
      await until(taken, 400, press).catch(() => {});
    }
  },
  expectPage: (value, { timeout }) => until(() => answers(value), timeout, `an answer of ${value}`),
  expectPort: ({ port: which, open = true }, { timeout }) =>
    until(async () => (await isOpen(which)) === open, timeout, `port ${which} ${open ? 'open' : 'closed'}`),
  expectDialog: (value, { timeout }) => window.sees(DIALOG, value, timeout),
  expectToast: (value, { timeout }) => window.sees(TOAST, value, timeout),
  expectNoToast: async value => {
    const toasts = await window.texts(TOAST);
    if (toasts.some(text => new RegExp(value).test(text))) throw new Error(JSON.stringify(toasts));
  },
  expectDebug: async (value, { timeout }) => {
    if (value) return until(() => window.debugs(), timeout, 'a debug session');
    for (const end = Date.now() + 3000; Date.now() < end; await sleep(200)) {
      if (await window.debugs()) throw new Error('a debug session has begun');
    }
  },
  expectEvent: async (value, { timeout, measured }) => {
    const fits = each => Object.entries(value).every(([key, want]) => each[key] === want);
    const found = await until(() => events().slice(mark).find(fits), timeout, JSON.stringify(value)).catch(error => {
      const seen = events().slice(mark).filter(each => each.event !== 'problems');
      throw new Error(`${error.message}; seen ${JSON.stringify(seen)}`);
    });
    if (measured) console.log(`      ${found.at - window.pressed} ms from the last key to the end of ${value.name}`);
  },
  expectProblem: ({ file, text }, { timeout }) => {
    const about = each => each.event === 'problems' && each.file === file;
    const fits = each => about(each) && each.items.some(item => new RegExp(text).test(item));
    return until(() => events().slice(mark).some(fits), timeout, `a problem on ${file}`).catch(error => {
      throw new Error(`${error.message}; seen ${JSON.stringify(events().slice(mark).filter(about))}`);
    });
  },
  // After a while it is still there: VS Code has not removed it at the end of the output.
  expectProblemStays: async ({ file }) => {
    await sleep(2000);
    const last = events().filter(each => each.event === 'problems' && each.file === file).pop();
    if (!last?.items.length) throw new Error(`no problem on ${file} any more`);
  },
  expectProblemGone: ({ file }, { timeout }) => {
    const last = () => events().filter(each => each.event === 'problems' && each.file === file).pop();
    return until(() => !last()?.items.length, timeout, `no problem on ${file}`);
  },
  expectNoProblem: async ({ file }) => {
    await window.press('Control+p');
    await window.page.locator('.quick-input-widget:visible input').first().fill(file);
    await sleep(900);
    await window.press('Enter');
    await sleep(3500);
    const last = events().filter(each => each.event === 'problems' && each.file === path.basename(file)).pop();
    if (last?.items.length) throw new Error(JSON.stringify(last.items));
  },
  expectNoOrphans: async (_, { timeout }) => {
    let left = [];
    const none = () => !(left = family.living().filter(each => each.orphan)).length;
    await until(none, timeout, 'no orphans').catch(() => {
      throw new Error(`orphans: ${JSON.stringify(left)}`);
    });
  },
  expectNone: async (value, { timeout }) => {
    let left = [];
    const none = () => !(left = family.living().filter(each => new RegExp(value).test(each.command))).length;
    await until(none, timeout, `no ${value}`).catch(error => {
      throw new Error(`${error.message}: ${JSON.stringify(left)}`);
    });
  },
};

let mark = 0;
let failed = 0;
let held = 0;
let title = '';
let part = '';
let ending = false;

async function play() {
  for (const raw of steps) {
    if (ending) return;
    const step = { timeout: 20000, ...raw };
    step.timeout *= patience;
    const verb = Object.keys(raw).find(key => key in VERBS);
    if (raw.part) {
      part = raw.part;
      console.log(`\n== ${part}`);
      continue;
    }
    if (part === null) continue; // the rest of a part that has failed
    if (!verb) throw new Error(`unknown step ${JSON.stringify(raw)}`);
    if (verb === 'note') {
      title = step.note;
      console.log(`-- ${title}`);
      continue;
    }
    if (!/^(expect|screenshot)/.test(verb)) mark = events().length;
    const begun = Date.now();
    const label = `${verb} ${JSON.stringify(step[verb]).slice(0, 90)}`;
    try {
      await VERBS[verb](step[verb], step);
      held += 1;
      console.log(`ok    ${label} (${Date.now() - begun} ms)`);
    } catch (error) {
      if (ending) return;
      failed += 1;
      console.log(`FAIL  ${label}\n      in "${title}": ${error.message.replaceAll('\n', '\n      ')}`);
      await page.screenshot({ path: path.join(out, `failed-${failed}.png`) }).catch(() => {});
      part = null;
      await recover().catch(why => console.log(`      not recovered: ${why.message}`));
    }
  }
}

// Leaves no task, no process and no dialog of a failed part to the next one.
async function recover() {
  for (const id of others.keys()) await VERBS.stop(id);
  for (const each of restores) fs.writeFileSync(...each);
  await page.setViewportSize(SIZE);
  for (const label of ['Abort', 'Cancel']) {
    const button = page.locator(`${DIALOG} .monaco-button`, { hasText: label }).first();
    if (await button.count()) await button.click({ timeout: 2000 }).catch(() => {});
  }
  if (await window.debugs()) await window.press('Shift+F5');
  await window.press('Escape', 'Escape');
  await window.choose('Tasks: Terminate Task', 'All Running Tasks').catch(() => window.press('Escape', 'Escape'));
  await sleep(3000);
}

fs.mkdirSync(out, { recursive: true });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    console.log(`\nended by ${signal} in "${title}": ${held} steps held, ${failed} failed; see ${out}`);
    ending = true;
    stop().finally(() => process.exit(1));
  });
}
try {
  const begun = Date.now();
  await start();
  console.log(`VS Code ${events().find(each => each.event === 'activate').version}, ready in ${Date.now() - begun} ms`);
  const watching = setInterval(() => family.look(), 400);
  await play();
  clearInterval(watching);
} catch (error) {
  failed += 1;
  console.log(`FAIL  ${error.stack}`);
} finally {
  if (fs.existsSync(path.join(probe, 'events.jsonl'))) {
    fs.copyFileSync(path.join(probe, 'events.jsonl'), path.join(out, 'events.jsonl'));
  }
  await stop();
}
if (!ending) console.log(failed ? `\n${failed} parts failed, ${held} steps held; see ${out}` : `\nall ${held} steps held`);
process.exit(failed || ending ? 1 : 0);
