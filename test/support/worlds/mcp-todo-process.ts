import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { todoServer } from "./mcp-todo.ts";

process.stdin.once("close", () => process.exit(0));
await todoServer().connect(new StdioServerTransport());
