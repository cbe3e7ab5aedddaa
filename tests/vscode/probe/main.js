// Writes what VS Code itself reports to $PROBE_DIR/events.jsonl, and the schemas it uses beside it.
const vscode = require('vscode');
const fs = require('fs');
const path = require('path');

exports.activate = async context => {
  const folder = process.env.PROBE_DIR;
  const log = (event, more) =>
    fs.appendFileSync(path.join(folder, 'events.jsonl'), JSON.stringify({ event, at: Date.now(), ...more }) + '\n');
  const name = each => ({ name: each.execution.task.name });
  const problems = uri => vscode.languages.getDiagnostics(uri).map(d => `${d.severity}: ${d.range.start.line + 1}: ${d.message}`);
  context.subscriptions.push(
    vscode.tasks.onDidStartTask(e => log('taskStart', name(e))),
    vscode.tasks.onDidStartTaskProcess(e => log('processStart', { ...name(e), pid: e.processId })),
    vscode.tasks.onDidEndTaskProcess(e => log('processEnd', { ...name(e), code: e.exitCode })),
    vscode.tasks.onDidEndTask(e => log('taskEnd', name(e))),
    vscode.debug.onDidStartDebugSession(s => log('debugStart', { name: s.name, type: s.type })),
    vscode.debug.onDidTerminateDebugSession(s => log('debugEnd', { name: s.name })),
    vscode.debug.registerDebugAdapterTrackerFactory('*', {
      createDebugAdapterTracker: session => ({
        onDidSendMessage: m => {
          if (m.type === 'event' && m.event === 'stopped') log('stopped', { name: session.name, reason: m.body.reason });
        },
      }),
    }),
    vscode.languages.onDidChangeDiagnostics(e => {
      for (const uri of e.uris) {
        log('problems', { file: path.basename(uri.fsPath), items: problems(uri) });
      }
    }),
  );
  if (process.env.PROBE_BREAK) {
    const [, file, line] = /^(.*):(\d+)$/.exec(process.env.PROBE_BREAK);
    const place = new vscode.Location(vscode.Uri.file(file), new vscode.Position(line - 1, 0));
    vscode.debug.removeBreakpoints(vscode.debug.breakpoints);
    vscode.debug.addBreakpoints([new vscode.SourceBreakpoint(place)]);
  }
  for (const kind of ['tasks', 'launch']) {
    const uri = vscode.Uri.parse(`vscode://schemas/${kind}`);
    const document = await vscode.workspace.openTextDocument(uri);
    fs.writeFileSync(path.join(folder, `${kind}.schema.json`), document.getText());
  }
  log('activate', { version: vscode.version });
};
