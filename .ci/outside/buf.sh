#!/usr/bin/env bash
# Lets buf judge the contracts, and call the services by them.
#
# usage: buf.sh BUF BIN_DIR      BUF is the program, BIN_DIR has the services and examples/alone
#
# The contracts must lint, build and break nobody who has the last landed ones. Then each service runs as a process of
# its own and is asked as a stranger would: which services it has, by reflection, how it is, and one real call each.
set -euo pipefail
buf=$1
bin=$(cd "$2" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
started=()
trap 'for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$scratch"' EXIT

fail() {
    printf 'buf: %s\n' "$*" >&2
    exit 1
}

# === the contracts ===

# Says what has landed: the remote's main, else (there is none, or nothing differs from it) the commit before this one.
landed() {
    local ref
    for ref in refs/remotes/origin/main 'HEAD^'; do
        git -C "$root" rev-parse -q --verify "$ref^{commit}" >/dev/null || continue
        git -C "$root" cat-file -e "$ref:proto/frontdesk" 2>/dev/null || continue
        git -C "$root" diff --quiet "$ref" -- proto && [ "$ref" != 'HEAD^' ] && continue
        git -C "$root" rev-parse "$ref"
        return
    done
}

judge_contracts() {
    cp -r "$root/proto" "$scratch/proto"
    "$buf" lint "$scratch/proto" || fail 'the contracts do not lint'
    "$buf" build "$scratch/proto" -o "$scratch/image.json" || fail 'the contracts do not build'
    local base
    base=$(landed)
    if [ -z "$base" ]; then
        echo 'buf breaking: NOT CHECKED against a landed state, for there is none in this repository'
        cp -r "$scratch/proto" "$scratch/landed"
    else
        mkdir "$scratch/archive"
        git -C "$root" archive "$base" proto | tar -x -C "$scratch/archive"
        mv "$scratch/archive/proto" "$scratch/landed"
        # Without one of its own, buf would look for it in the directories above.
        cp "$scratch/proto/buf.yaml" "$scratch/landed/"
        "$buf" breaking "$scratch/proto" --against "$scratch/landed" || fail "the contracts break those of $base"
        echo "buf breaking: nothing breaks since ${base:0:12}"
    fi
    judge_the_judge
}

# The same calls must refuse contracts that are wrong.
judge_the_judge() {
    local session=frontdesk/session/v1/session_service.proto
    spoil() {
        rm -rf "$scratch/spoilt"
        cp -r "$scratch/proto" "$scratch/spoilt"
        sed -i "$1" "$scratch/spoilt/$session"
        cmp -s "$scratch/proto/$session" "$scratch/spoilt/$session" && fail "the check could not spoil: $1"
        return 0
    }
    spoil 's/string client_secret = 2/string clientSecret = 2/'
    "$buf" lint "$scratch/spoilt" >/dev/null 2>&1 && fail 'buf lint takes a field in camel case'
    spoil '/^\/\/ Sessions of a chat/d'
    "$buf" lint "$scratch/spoilt" >/dev/null 2>&1 && fail 'buf lint takes a service without a comment'
    spoil 's/^message StartScreen {/message StartScreen/'
    "$buf" build "$scratch/spoilt" -o /dev/null 2>/dev/null && fail 'buf build takes what is no proto'
    for change in 's/SESSION_MODE_HOSTED = 1/SESSION_MODE_HOSTED = 9/' 's/string session_id = 1;/bytes session_id = 1;/' \
        '/rpc CancelSession/d'; do
        spoil "$change"
        "$buf" breaking "$scratch/spoilt" --against "$scratch/proto" >/dev/null 2>&1 && fail "buf breaking takes $change"
    done
    echo 'buf lint, build: the contracts are in order; six spoilt ones are refused'
}

# === the services ===

# Starts a program; its address is the first in what it prints and logs.
start() {
    local name=$1 log="$scratch/${1##*/}.log" found= address='127\.0\.0\.1:[0-9]+'
    shift
    : >"$log"
    (cd "$scratch" && exec env "$@" PORT=0 RUST_LOG=info "$bin/$name") >"$log" 2>&1 &
    started+=($!)
    for _ in $(seq 150); do
        # A log may be in colours.
        found=$(sed 's/\x1b\[[0-9;]*m//g' "$log" |
            grep -oEm1 "(^http://|serving .*address=\"?)$address" | grep -oE "$address" || true)
        [ -n "$found" ] && break
        kill -0 "${started[-1]}" 2>/dev/null || break
        sleep 0.1
    done
    [ -n "$found" ] || { cat "$log" >&2; fail "$name did not start"; }
    answer=http://$found
}

# gRPC as the services speak it, without TLS; what is answered goes to standard output.
curl() {
    "$buf" curl --protocol grpc --http2-prior-knowledge "$@"
}

# How a service says it is.
health() {
    curl -d "{\"service\":\"$2\"}" "$1/grpc.health.v1.Health/Check"
}

# A service that is told which of the contracts' services it has: no more, no fewer, all of them healthy.
judge_service() {
    local name=$1 url=$2 listed expected one
    shift 2
    listed=$(curl --list-services "$url" | grep -v '^grpc\.reflection\.' | sort | xargs)
    expected=$(printf '%s\n' "$@" grpc.health.v1.Health | sort | xargs)
    [ "$listed" = "$expected" ] || fail "$name lists $listed by reflection, not $expected"
    for one in '' "$@"; do
        health "$url" "$one" | grep -q '"SERVING"' || fail "$name: ${one:-the process} is not SERVING"
    done
    if health "$url" nobody.v1.Nobody >/dev/null 2>"$scratch/refusal"; then
        fail "$name: a service that it does not have is healthy"
    fi
    grep -q '"not_found"' "$scratch/refusal" || fail "$name: $(cat "$scratch/refusal")"
    met+=("$@")
}

# A real call, whose answer must hold a text.
expect() {
    local url=$1 what=$2 request=$3 holds=$4 got
    got=$(curl -d "$request" "$url/$what" 2>&1) || fail "$what: $got"
    grep -qE "$holds" <<<"$got" || fail "$what answered no $holds: $got"
    calls=$((calls + 1))
}

judge_services() {
    local stand_in broker writer agent till club copilot met=() calls=0
    start examples/alone
    stand_in=$answer
    local openai=(OPENAI_API_KEY=sk-sandbox "OPENAI_BASE_URL=$stand_in/openai/v1" "STORE=sqlite:$scratch/store")
    start session-broker "${openai[@]}" CHATKIT_WORKFLOW_ID=wf_sandbox_lead
    broker=$answer
    start sheets-writer "STORE=sqlite:$scratch/store" "SHEETS_BASE_URL=$stand_in/sheets" \
        GOOGLE_ACCESS_TOKEN=ya29.sandbox GOOGLE_SHEETS_ID=1sandboxFrontdeskLedgerOfSevenTabs0000000000
    writer=$answer
    start chat-agent "${openai[@]}" "SHEETS_WRITER_ADDR=$writer"
    agent=$answer

    start booking-payments "STORE=sqlite:$scratch/store" "SHEETS_WRITER_ADDR=$writer" \
        CALCOM_API_KEY=cal_test_sandbox0000000000000000000000 "CALCOM_BASE_URL=$stand_in/calcom" \
        STRIPE_SECRET_KEY=sk_test_sandbox "STRIPE_BASE_URL=$stand_in/stripe"
    till=$answer
    start whop-gateway "STORE=sqlite:$scratch/store" "SHEETS_WRITER_ADDR=$writer" \
        WHOP_API_KEY=apik_sandbox_A0000000000000000000000000000000000000000000000000000 WHOP_ACCOUNT_ID=biz_frontdesk0001 "WHOP_BASE_URL=$stand_in/whop/api/v1"
    club=$answer
    start ops-copilot "STORE=sqlite:$scratch/store" "SHEETS_WRITER_ADDR=$writer"
    copilot=$answer

    local every=(frontdesk.common.v1.{Backup,Operations}Service)
    judge_service session-broker "$broker" "${every[@]}" frontdesk.session.v1.SessionService
    judge_service sheets-writer "$writer" "${every[@]}" frontdesk.sheets.v1.{Bookkeeping,Contact,Delivery,Event,Lead,Ledger}Service
    judge_service chat-agent "$agent" "${every[@]}" frontdesk.chat.v1.{Chat,Thread,Tool}Service
    judge_service booking-payments "$till" "${every[@]}" frontdesk.booking.v1.{Booking,Payment}Service \
        frontdesk.common.v1.{Reconciliation,Webhook}Service
    judge_service whop-gateway "$club" "${every[@]}" frontdesk.whop.v1.{Directory,Membership}Service \
        frontdesk.common.v1.{Reconciliation,Webhook}Service
    judge_service ops-copilot "$copilot" "${every[@]}" frontdesk.ops.v1.{Notify,Report}Service
    local declared
    declared=$(python3 - "$scratch/image.json" <<'PY'
import json, sys
files = json.load(open(sys.argv[1]))["file"]
print(*sorted(f"{file['package']}.{service['name']}" for file in files for service in file.get("service", [])))
PY
    )
    local served
    served=$(printf '%s\n' "${met[@]}" | sort -u | xargs)
    [ "$declared" = "$served" ] || fail "the contracts declare $declared, served are $served"

    local caller='"requestId":"r","caller":{"visitorId":"vis_00000000000000000000000000000000",' event asked
    caller+='"workflow":"lead-concierge","sessionId":"ses_1"}'
    event=$(printf '{"type":"note","id":"evt-1"}' | base64 -w0)
    asked=$(printf '{"type":"threads.list","params":{}}' | base64 -w0)
    local sheets=frontdesk.sheets.v1
    expect "$broker" frontdesk.session.v1.SessionService/CreateSession "{$caller,\"target\":{}}" '"clientSecret": ?"ek_'
    expect "$writer" $sheets.ContactService/ResolveContact "{$caller,\"email\":\" Ann@Example.com\"}" '"ann@example\.com"'
    expect "$writer" $sheets.LeadService/SaveLead "{$caller,\"facts\":{\"email\":\"ann@example.com\"}}" '"leadId": ?"led_'
    expect "$writer" $sheets.DeliveryService/ListEventTypes '{}' '"eventType": ?"lead\.created"'
    expect "$writer" $sheets.EventService/RecordEvents "{$caller,\"events\":\"$event\"}" '"accepted": ?1'
    expect "$writer" $sheets.LedgerService/GetLedgerStatus '{}' '"ledgerId": ?"ldg_'
    expect "$agent" frontdesk.chat.v1.ChatService/Process "{$caller,\"body\":\"$asked\"}" '"result"'
    expect "$till" frontdesk.booking.v1.PaymentService/ListItems "{${caller#*,}}" '"itemId"'
    expect "$club" frontdesk.whop.v1.MembershipService/ListMemberships \
        '{"caller":{"verifiedWhopUserId":"user_mara"}}' '"freshness"'
    expect "$agent" frontdesk.chat.v1.ToolService/ListTools "{${caller#*,}}" '"list_offers"'
    expect "$copilot" frontdesk.ops.v1.ReportService/GetWeeklySummary '{}' '"timeZone": ?"UTC"'
    local one
    for one in "$broker" "$writer" "$agent" "$till" "$club" "$copilot"; do
        expect "$one" frontdesk.common.v1.OperationsService/Tick '{}' '^\{'
    done
    echo "buf curl: 6 processes list and answer for ${#met[@]} services, healthy each; $calls real calls"
}

judge_contracts
judge_services
