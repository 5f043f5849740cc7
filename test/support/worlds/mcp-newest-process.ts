import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { newestTodoServer } from "./mcp-newest.ts";

const items: string[] = [];
serveStdio(() => newestTodoServer(items), { legacy: "reject" });
