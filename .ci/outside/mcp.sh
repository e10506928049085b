#!/usr/bin/env bash
# Lets others judge the tools for agents of others: the protocol's conformance suite, and its official Python client.
#
# usage: mcp.sh PYTHON TOOLS_DIR FRONTDESK_BINARY      PYTHON has mcp 2.3.0 and jsonschema; npm's tools go to TOOLS_DIR/mcp
#
# The suite needs Node 22 (0.1.16 uses fs.globSync), whatever Node there is, so one comes beside it.
set -euo pipefail
python=$1 tools=$2/mcp binary=$3
here=$(cd "$(dirname "$0")" && pwd)

npm install --silent --no-audit --no-fund --prefix "$tools" @modelcontextprotocol/conformance@0.1.16 node@22.23.3
exec "$python" "$here/mcp_client.py" "$binary" "$tools/node_modules/node/bin/node" \
    "$tools/node_modules/@modelcontextprotocol/conformance/dist/index.js" "$here/mcp.yml"
