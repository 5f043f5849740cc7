import { type DashboardSpec, lines, maxBy, number, quantiles, rateBy, sumBy } from "../dashboard.ts";

const funnel = (stage: string): { expr: string; legend: string } => ({
  expr: `sum by (bucket) (hindcast_funnel_items{stage="${stage}"})`,
  legend: "{{bucket}}",
});

export const campaigns: DashboardSpec = {
  uid: "hindcast-campaigns",
  title: "Campaign funnel & cost",
  rows: [
    {
      title: "Now",
      panels: [
        number("Running", { unit: "short", description: "Campaigns that are led." }, "sum(hindcast_campaigns_led)"),
        number(
          "Demonstrations",
          { unit: "short", description: "Of the campaigns that the coordinators lead or led to their end." },
          'sum(hindcast_funnel_items{stage="demonstrations", bucket="indexed"})',
        ),
        number(
          "Dollars",
          {
            unit: "currencyUSD",
            description: "Of the time shown, also by agents that are gone; without unknown prices.",
          },
          "sum(max_over_time(hindcast_model_cost_usd_total[$__range]))",
        ),
        number(
          "Tokens",
          { unit: "short", description: "Since the processes started, without journaled calls." },
          "sum(hindcast_model_tokens_total)",
        ),
        number(
          "Unanimous",
          { unit: "percentunit", description: "Of the pairs that at least one judge accepted, those that all did." },
          'sum(hindcast_committee_agreement_total{agreement="unanimous"}) / sum(hindcast_committee_agreement_total{agreement=~"unanimous|overruled"})',
        ),
        number(
          "Verified by replay",
          { unit: "percentunit", description: "Of the accepted windows that were replayed." },
          'sum(hindcast_replay_verdicts_total{verdict="verified"}) / sum(hindcast_replay_verdicts_total{verdict!="unchecked"})',
        ),
      ],
    },
    {
      title: "Funnel",
      panels: [
        lines("Documents", { unit: "short", description: "What the campaigns learn from." }, [funnel("documents")]),
        lines("Proposed tasks", { unit: "short", description: "Declined and duplicate ones are not rolled out." }, [
          funnel("tasks"),
        ]),
        lines("Episodes", { unit: "short", description: "By end reason." }, [funnel("episodes")]),
        lines(
          "Windows",
          { unit: "short", description: "Stretches of behaviour; a rule rejects those that show nothing." },
          [funnel("windows")],
        ),
        lines("Candidates", { unit: "short", description: "Instruction and stretch, before the committee." }, [
          funnel("candidates"),
        ]),
        lines("Demonstrations", { unit: "short", description: "What is indexed." }, [
          funnel("replay"),
          funnel("demonstrations"),
        ]),
      ],
    },
    {
      title: "Committee and replay",
      panels: [
        lines("Votes", { unit: "ops", description: "By judge." }, [
          rateBy("hindcast_committee_votes_total", "judge, answer"),
        ]),
        lines("Agreement", { unit: "ops", description: "The first no ends a vote." }, [
          rateBy("hindcast_committee_agreement_total", "agreement"),
        ]),
        lines("Rulings", { unit: "ops", description: "Open ones are reported, not rejected." }, [
          rateBy("hindcast_committee_rulings_total", "outcome"),
        ]),
        lines("Replays", { unit: "ops", description: "On the agents." }, [rateBy("hindcast_replays_total", "outcome")]),
        lines(
          "Time of stages",
          { unit: "s", description: "On the coordinators." },
          quantiles("hindcast_stage_seconds", "stage"),
        ),
        lines("Campaigns", { unit: "short", description: "By state." }, [maxBy("hindcast_campaigns", "state")]),
      ],
    },
    {
      title: "Cost",
      panels: [
        lines("Dollars by model and role", { unit: "currencyUSD", description: "Also by agents that are gone." }, [
          sumBy("max_over_time(hindcast_model_cost_usd_total[$__range])", "model, role"),
        ]),
        lines("Tokens by model and role", { unit: "short", description: "Per second." }, [
          rateBy("hindcast_model_tokens_total", "model, role"),
        ]),
        lines(
          "Budgets used",
          { unit: "percentunit", description: "The one of each kind that is nearest to its end." },
          [maxBy("hindcast_budget_used_ratio", "account")],
        ),
        lines("Budgets", { unit: "currencyUSD", description: "Settled, reserved and limit; 0 is no limit." }, [
          { expr: "max by (account) (hindcast_budget_settled_usd)", legend: "settled {{account}}" },
          { expr: "max by (account) (hindcast_budget_escrow_usd)", legend: "reserved {{account}}" },
          { expr: "max by (account) (hindcast_budget_limit_usd)", legend: "limit {{account}}" },
        ]),
      ],
    },
  ],
};
