// Stands in for the Python Debugger extension: like it, connects to a debugpy that listens.
const vscode = require('vscode');

exports.activate = context => {
  const createDebugAdapterDescriptor = ({ configuration: { connect } }) =>
    new vscode.DebugAdapterServer(connect.port, connect.host);
  context.subscriptions.push(
    vscode.debug.registerDebugAdapterDescriptorFactory('debugpy', { createDebugAdapterDescriptor }),
  );
};
