// Other languages switch on these; a code is never renamed and its number never moves.
// Requirements: 3.bad.unknown-version, 3.bad.oversized
import { ErrorCode } from "@hindcast/shared";
import { expect, it } from "vitest";
import { errorNumber } from "../../shared/src/node/bus/request-reply.ts";

it("are these, with these numbers in Nats-Service-Error-Code", () => {
  expect(Object.fromEntries(ErrorCode.options.map((code) => [code, errorNumber(code)]))).toMatchInlineSnapshot(`
    {
      "BUS_CONFLICT": 409,
      "BUS_FORBIDDEN": 403,
      "BUS_FULL": 429,
      "BUS_NOT_FOUND": 404,
      "BUS_TIMEOUT": 504,
      "BUS_UNAVAILABLE": 503,
      "CAMPAIGN_BUDGET_EXHAUSTED": 500,
      "CAMPAIGN_CANCELLED": 500,
      "CAMPAIGN_ENDED": 409,
      "CAMPAIGN_NOT_FOUND": 404,
      "CONFIG_INVALID": 500,
      "CONFIG_UNKNOWN_KEY": 500,
      "DOCUMENTS_EMPTY": 500,
      "DOCUMENTS_UNREADABLE": 500,
      "ENVIRONMENT_ACTION_UNSUPPORTED": 500,
      "ENVIRONMENT_DEADLY": 500,
      "ENVIRONMENT_DIVERGED": 500,
      "ENVIRONMENT_LOST": 500,
      "ENVIRONMENT_SETUP_FAILED": 500,
      "ENVIRONMENT_UNAVAILABLE": 503,
      "EXPORT_FAILED": 500,
      "INDEX_CLOSED": 503,
      "INDEX_CORRUPT": 500,
      "INDEX_FOREIGN": 500,
      "INDEX_INVALID": 400,
      "INDEX_IO": 500,
      "INDEX_LOCKED": 500,
      "INDEX_NEWER": 500,
      "INDEX_NOT_READY": 503,
      "INDEX_OVERLOADED": 429,
      "INTERNAL": 500,
      "MODEL_ANSWER_INVALID": 500,
      "MODEL_BUDGET_EXHAUSTED": 500,
      "MODEL_CONTEXT_OVERFLOW": 500,
      "MODEL_LANE_PAUSED": 500,
      "MODEL_OVERLOADED": 429,
      "MODEL_PRICE_UNKNOWN": 500,
      "MODEL_RATE_LIMITED": 429,
      "MODEL_REQUEST_INVALID": 500,
      "MODEL_TIMEOUT": 504,
      "MODEL_UNAUTHORIZED": 500,
      "MODEL_UNAVAILABLE": 503,
      "MODEL_UNKNOWN": 500,
      "PROTOCOL_INVALID": 400,
      "PROTOCOL_TOO_LARGE": 413,
      "PROTOCOL_UNKNOWN_VERSION": 400,
      "SANDBOX_FULL": 500,
      "SANDBOX_LOST": 500,
      "SANDBOX_PORT_CLOSED": 503,
      "SANDBOX_TOO_LARGE": 500,
      "SANDBOX_UNAVAILABLE": 503,
    }
  `);
});
