#!/usr/bin/env bash
# Checks a deployment: health of both apps, one job, one batch of two images, their blobs, one curation of these three images.
#
#   infra/check.sh                                                        after `azd up`: takes addresses and the key from azd and az
#   infra/check.sh --url http://127.0.0.1:8080 --key KEY --inbox FOLDER   any server with the same API, such as `sana serve`
#
#   --url URL            the orchestrator's address
#   --key KEY            its key; better in the variable SANA_API_KEY, which other users cannot see
#   --gpu-url URL        the gpu app's address, where it can be reached; default: it is asked for through az, or not at all
#   --inbox FOLDER       folder that the server's source reads; without it (and without azd) the curation is left out
#   --source NAME        name of that source; default inbox
#   --settings JSON      settings of the images, such as {"width":512,"height":512,"steps":8}; default: the checkpoint's own
#   --patience SECONDS   longest wait for one step; default 1800, because a first replica pulls an image, fetches weights and loads them
#
# Needs curl, jq and sha256sum; after `azd up` also az and azd, signed in. It ends with 0 when every step passed, else with 1 and what to look at.
set -euo pipefail

url='' key=${SANA_API_KEY:-} gpu_url='' inbox='' source=inbox settings='{}' patience=1800
while [ $# -gt 0 ]; do
  case $1 in
    --url | --key | --gpu-url | --inbox | --source | --settings | --patience)
      [ $# -gt 1 ] || { echo "$1 needs a value." >&2; exit 2; }
      name=${1#--}; printf -v "${name//-/_}" %s "$2"; shift 2 ;;
    *) sed -n '2,16p' "$0" | sed 's/^# \{0,1\}//' >&2; exit 2 ;;
  esac
done
for tool in curl jq sha256sum; do command -v "$tool" >/dev/null || { echo "$tool is not installed." >&2; exit 2; }; done

work=$(mktemp -d)
id=check-$(date -u +%Y%m%d-%H%M%S)-$$
azure='' # yes, when the deployment is the one of azd
uploaded=''

clean() {
  # What was put into the inbox is not the user's data: a schedule is not to curate it.
  if [ -n "$uploaded" ]; then
    if [ -n "$azure" ]; then
      az storage blob delete-batch --auth-mode login --account-name "$account" --source inbox --pattern "$id/*" --only-show-errors >/dev/null || echo "Left in the container inbox: $id/" >&2
    else
      rm -rf "${inbox:?}/$id"
    fi
  fi
  rm -rf "$work"
}
trap clean EXIT

step() { printf '\n%s\n' "$*"; }
good() { printf '  ok    %s\n' "$*"; }
told() { printf '        %s\n' "$*"; }

# fail <sentence> <what to look at>...
fail() {
  printf '  FAIL  %s\n' "$1"
  shift
  [ ! -s "$work/body" ] || { printf '        The answer was: '; head -c 2000 "$work/body"; echo; }
  printf '        Look at:\n'
  printf '          %s\n' "$@"
  exit 1
}

# ask <method> <path> [body]: writes the answer to $work/body and prints its status; 000 when there was no answer.
ask() {
  local body=()
  [ $# -lt 3 ] || body=(-H 'Content-Type: application/json' --data-binary "$3")
  : >"$work/body"
  # The key goes through a file: arguments of a process can be seen by every user.
  curl --silent --show-error --max-time 120 --config "$work/key" --request "$1" "${body[@]}" --output "$work/body" --write-out '%{http_code}' "$url$2" 2>"$work/error" || true
}

# until_answers <path>: asks until the answer is 200, for as long as a cold start takes; an address where nobody listens is given up sooner.
until_answers() {
  local code='' end=$((SECONDS + 120)) nobody=$((SECONDS + 10))
  while code=$(ask GET "$1"); [ "$code" != 200 ] && [ $SECONDS -lt $end ]; do
    case $code in
      401 | 403 | 404) break ;;
      000) [ $SECONDS -lt $nobody ] || break ;;
    esac
    sleep 2
  done
  echo "$code"
}

# until_ended <path>: asks until the status is an end; prints it.
until_ended() {
  local status='' code='' end=$((SECONDS + patience))
  while [ $SECONDS -lt $end ]; do
    code=$(ask GET "$1")
    status=$(jq -r '.status? // empty' "$work/body" 2>/dev/null || true)
    case $code/$status in
      200/succeeded | 200/failed | 200/canceled) echo "$status"; return ;;
      401/* | 403/* | 404/*) echo "http $code"; return ;;
    esac
    sleep 2
  done
  echo "${status:-http $code} after $patience s"
}

# fetch <blob> <file>
fetch() {
  if [ -n "$azure" ]; then
    az storage blob download --auth-mode login --account-name "$account" --container-name sana --name "$1" --file "$2" --only-show-errors >/dev/null 2>"$work/error"
  else
    [ "$(ask GET "/v1/blobs/$1")" = 200 ] && cp "$work/body" "$2"
  fi
}

# image <blob> <sha256> <file>: fetches it and compares it with what was reported.
image() {
  fetch "$1" "$3" || { : >"$work/body"; fail "The blob $1 cannot be read: $(cat "$work/error" 2>/dev/null)" "${look_blobs[@]}"; }
  : >"$work/body"
  [ "$(sha256sum <"$3" | cut -d' ' -f1)" = "$2" ] || fail "The blob $1 is not the image that was reported." "${look_blobs[@]}"
  [ "$(head -c 4 "$3" | od -An -tx1 | tr -d ' \n')" = 89504e47 ] || fail "The blob $1 is no PNG." "${look_blobs[@]}"
  good "$1, $(wc -c <"$3") bytes"
}

if [ -z "$url" ]; then
  for tool in az azd; do command -v "$tool" >/dev/null || { echo "Give --url, or install $tool and sign in: the addresses are asked of it." >&2; exit 2; }; done
  azure=yes
  value() { azd env get-value "$1" 2>/dev/null || { echo "azd has no $1 here: run this in the folder of azure.yaml, after azd up." >&2; exit 2; }; }
  url=$(value SANA_URL) group=$(value AZURE_RESOURCE_GROUP) account=$(value SANA_DATA_ACCOUNT) orchestrator=$(value SANA_ORCHESTRATOR) gpu=$(value SANA_GPU_APP)
  [ -n "$key" ] || key=$(az functionapp keys list --resource-group "$group" --name "$orchestrator" --query functionKeys.default --output tsv)
  look_orchestrator=("az functionapp log deployment list --resource-group $group --name $orchestrator   was the package deployed?" "Application Insights, table traces, of the role orchestrator" "the portal's Environment variables of $orchestrator: do references resolve?" "docs/azure.md, When something is wrong")
  look_gpu=("az containerapp replica list --resource-group $group --name $gpu --output table   is there a replica?" "az containerapp logs show --resource-group $group --name $gpu --tail 100   line 401 says why it cannot render" "are the weights there? docs/azure.md, Bring the weights" "GPU quota of the region: Managed environment consumption T4 GPUs" "the queue sana-jobs: messages that wait, dead letters; blobs deadletter/ of the container sana")
  look_blobs=("your role on the storage account $account: Storage Blob Data Contributor (azd provision gives it to who deploys)" "the account's networking, with SANA_USE_NETWORK: your address must be allowed" "infra/access.bicep against the account's role assignments")
else
  url=${url%/}
  look_orchestrator=("is the server running, and is $url its address?" "its log; with kubectl: kubectl logs deployment/orchestrator, or deployment/sana")
  look_gpu=("/readyz of the app that renders, and its log" "are the weights where it looks for them?" "the queue: sana queue, or messages and dead letters of sana-jobs")
  look_blobs=("the place of blobs in the log of the server, and who may read it" "the server's key: --key, SANA_API_KEY")
fi
(umask 077; if [ -n "$key" ]; then printf 'header = "x-functions-key: %s"\nheader = "api-key: %s"\n' "$key" "$key"; fi >"$work/key")

step "1. Health of the orchestrator, $url"
code=$(until_answers /healthz)
[ "$code" = 200 ] || fail "/healthz answers $code. $(cat "$work/error")" "${look_orchestrator[@]}"
good "/healthz"
code=$(until_answers /readyz)
[ "$code" = 200 ] || fail "/readyz answers $code." "storage and config/curation.json: any answer of the API with a key has the sentence" "${look_orchestrator[@]}"
good "/readyz $(jq -c . "$work/body")"
code=$(ask GET '/v1/batches?limit=1')
[ "$code" = 200 ] || fail "The API answers $code." "the key: --key, SANA_API_KEY, or az functionapp keys list" "${look_orchestrator[@]}"
good "the key opens the API"

step "2. Health of the gpu app"
if [ -n "$gpu_url" ]; then
  was=$url url=${gpu_url%/}
  code=$(ask GET /readyz)
  url=$was
  [ "$code" = 200 ] || [ "$code" = 503 ] || fail "/readyz answers $code." "${look_gpu[@]}"
  good "/readyz $(jq -c . "$work/body")"
elif [ -n "$azure" ]; then
  az containerapp revision list --resource-group "$group" --name "$gpu" --query "[?properties.active].{state: properties.runningState, health: properties.healthState, replicas: properties.replicas}" --output json >"$work/revisions"
  jq -e 'length > 0 and all(.[]; .state != "Failed" and .state != "Degraded" and .health != "Unhealthy")' "$work/revisions" >/dev/null || { cp "$work/revisions" "$work/body"; fail "The active revision is not healthy." "${look_gpu[@]}"; }
  good "revision $(jq -c '.[0]' "$work/revisions")"
else
  told "has no address of its own here: the job tells."
fi
told "One job, which starts a replica where none is: up to $patience s."
code=$(ask PUT "/v1/jobs/$id" "$(jq -n --argjson settings "$settings" '{input: ({prompt: "a red ball"} + $settings)}')")
[ "$code" = 202 ] || [ "$code" = 200 ] || fail "The job is answered $code." "${look_orchestrator[@]}"
ended=$(until_ended "/v1/jobs/$id")
[ "$ended" = succeeded ] || fail "The job $id is $ended." "${look_gpu[@]}"
good "job $id, $(jq -r '.timings.total_ms' "$work/body") ms from queue to blob"
cp "$work/body" "$work/job"

step "3. A batch of two images"
code=$(ask PUT "/v1/batches/$id" "$(jq -n --argjson settings "$settings" '{prompts: ["two green cups", "a blue star"], settings: $settings}')")
[ "$code" = 202 ] || [ "$code" = 200 ] || fail "The batch is answered $code." "work/model.json of the container sana: the gpu app writes it when it has loaded its checkpoint" "${look_orchestrator[@]}"
ended=$(until_ended "/v1/batches/$id")
[ "$ended" = succeeded ] || fail "The batch $id is $ended." "GET $url/v1/batches/$id/report" "${look_gpu[@]}"
[ "$(jq '.succeeded' "$work/body")" = 2 ] || fail "Of two images $(jq '.succeeded' "$work/body") came out." "GET $url/v1/batches/$id/report" "${look_gpu[@]}"
good "batch $id"

step "4. Their blobs"
ask GET "/v1/batches/$id/report?status=succeeded" >/dev/null
cp "$work/body" "$work/report"
mkdir "$work/images"
image "$(jq -r '.images[0].blob' "$work/job")" "$(jq -r '.images[0].sha256' "$work/job")" "$work/images/a.png"
image "$(jq -r '.items[0].image.name' "$work/report")" "$(jq -r '.items[0].image.sha256' "$work/report")" "$work/images/b.png"
image "$(jq -r '.items[1].image.name' "$work/report")" "$(jq -r '.items[1].image.sha256' "$work/report")" "$work/images/c.png"

step "5. A curation of these three images"
if [ -z "$azure" ] && [ -z "$inbox" ]; then
  told "Left out: give --inbox, the folder that the server's source $source reads."
else
  # Captions beside the images, so that it needs no captioner.
  echo 'a red ball' >"$work/images/a.txt"; echo 'two green cups' >"$work/images/b.txt"; echo 'a blue star' >"$work/images/c.txt"
  uploaded=yes
  if [ -n "$azure" ]; then
    az storage blob upload-batch --auth-mode login --account-name "$account" --destination inbox --destination-path "$id" --source "$work/images" --only-show-errors >/dev/null 2>"$work/error" \
      || { : >"$work/body"; fail "The images cannot be put into the container inbox: $(cat "$work/error")" "${look_blobs[@]}"; }
  else
    mkdir "$inbox/$id" && cp "$work/images/"* "$inbox/$id/"
  fi
  code=$(ask POST /v1/datasets/check/runs "$(jq -n --arg version "$id" --arg source "$source" '{version: $version, source: $source, sample: 3}')")
  [ "$code" = 202 ] || [ "$code" = 200 ] || fail "The curation is answered $code." "the source: CurationSource of the app, or sources of sana.json" "${look_orchestrator[@]}"
  ended=$(until_ended "/v1/datasets/check/runs/$id")
  [ "$ended" = succeeded ] || fail "The curation is $ended." "${look_orchestrator[@]}" "${look_blobs[@]}"
  [ "$(jq '[.succeeded, .failed, .rejected, (.reasons // {} | add // 0)] | add' "$work/body")" -ge 3 ] || fail "The curation did not see three images." "blobs datasets/check/$id/ of the container sana" "${look_blobs[@]}"
  good "dataset check, version $id: $(jq -c '{succeeded, reasons}' "$work/body")"
  cp "$work/body" "$work/curated"
  fetch "$(jq -r .manifest "$work/curated")" "$work/manifest" || { : >"$work/body"; fail "Its manifest cannot be read." "${look_blobs[@]}"; }
  good "$(jq -r .manifest "$work/curated")"
fi

step "Everything that was asked works."
