// The page: photographs are sent one after another, at most TOGETHER at once; what comes back is shown.

const TOGETHER = 3; // in flight: enough for the server to take them together
const PATIENCE = 20; // tries while the server is busy
const LEGENDS = {
  cutout: "Photograph | result. Drag the line, or move it with the arrow keys.",
  mask: "White is car.",
  disagreement: "Where it glows, the members do not agree.",
};

const DONE = "Done";

const at = (id) => document.getElementById(id);
const chosen = (name) => document.querySelector(`input[name="${name}"]:checked`).value;
const photos = []; // {file, url, state, told, result, steps}
let current = null;
let inFlight = 0;
let picture = null; // {file, url} for the background

// ---- sending ----

function steps() {
  return [...document.querySelectorAll("#steps input:checked")].map((box) => box.value);
}

function form(photo, more = {}) {
  const data = new FormData();
  data.append("photograph", photo.file, photo.file.name);
  for (const step of steps()) data.append("steps", step);
  for (const [name, value] of Object.entries(more)) data.append(name, value);
  return data;
}

function post(path, data, type, progress) {
  return new Promise((done) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.responseType = type;
    if (progress) request.upload.onprogress = (event) => progress(event.loaded / event.total);
    request.onload = () => done(request);
    request.onerror = () => done(null);
    request.send(data);
  });
}

async function reasonOf(request) {
  if (!request) return "The server cannot be reached. Is it still running?";
  try {
    const body = request.responseType === "blob" ? JSON.parse(await request.response.text()) : request.response;
    const reason = body.reason.replace(/^background_image:/, "background:");
    return `${reason[0].toUpperCase()}${reason.slice(1)}.`;
  } catch {
    return `The server answered ${request.status}.`;
  }
}

const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

async function ask(path, photo, more, type, progress) {
  for (let left = PATIENCE; ; left -= 1) {
    const request = await post(path, form(photo, more), type, progress);
    const again = request && request.status === 503 && Number(request.getResponseHeader("retry-after"));
    if (!again || left === 0) return request;
    tell(photo, "working", "The server is busy; waiting for a place.");
    await pause(Math.min(again, 10));
  }
}

async function send(photo) {
  const wanted = steps().join();
  tell(photo, "working", "Sending", 0);
  const request = await ask("/layers", photo, {}, "json", (share) => {
    tell(photo, "working", share < 1 ? "Sending" : "Cutting out", share < 1 ? share : null);
  });
  if (wanted !== steps().join()) return tell(photo, "waiting", "Waits for its turn"); // asked otherwise meanwhile
  if (request && request.status === 200) {
    forget(photo);
    photo.result = unpacked(request.response);
    tell(photo, "done", DONE);
  } else {
    tell(photo, "failed", await reasonOf(request));
  }
}

async function next() {
  const waiting = photos.filter((photo) => photo.state === "waiting");
  const photo = waiting.includes(current) ? current : waiting[0];
  if (!photo || inFlight >= TOGETHER) return;
  inFlight += 1;
  const sent = send(photo);
  next();
  await sent;
  inFlight -= 1;
  next();
}

function blobOf(base64, type) {
  return new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], { type });
}

function unpacked(answer) {
  const blobs = { cutout: blobOf(answer.cutout, "image/png") };
  blobs.mask = blobOf(answer.mask, "image/png");
  blobs.disagreement = blobOf(answer.disagreement, "image/jpeg");
  blobs.backdrop = blobOf(answer.backdrop, "image/jpeg");
  const urls = Object.fromEntries(Object.entries(blobs).map(([name, blob]) => [name, URL.createObjectURL(blob)]));
  return { ...answer, blobs, urls };
}

function forget(photo) {
  for (const url of Object.values(photo.result?.urls ?? {})) URL.revokeObjectURL(url);
  photo.result = null;
}

// ---- showing ----

function tell(photo, state, told, share = null) {
  Object.assign(photo, { state, told, share });
  photo.button.dataset.state = state;
  photo.button.title = `${photo.file.name}: ${told}`;
  if (state === "done" || state === "failed") at("status").textContent = `${photo.file.name}: ${told}`;
  if (photo === current) show();
}

function show() {
  const { result, state, told, share } = current;
  const view = chosen("view");
  const stage = at("stage");
  stage.dataset.state = state === "done" ? "done" : state;
  at("told").textContent = told;
  if (share === null) at("progress").removeAttribute("value");
  else at("progress").value = share;
  if (at("before").src !== current.url) at("before").src = current.url;
  at("before").alt = `Photograph ${current.file.name}`;
  allowDownload();
  at("legend").textContent = "";
  if (state !== "done") return;
  at("legend").textContent = told === DONE ? LEGENDS[view] : told;
  at("after").src = result.urls[view];
  at("after").alt = { cutout: "The car without its background", mask: "Mask of the car", disagreement: "Heat map of the members’ disagreement" }[view];
  paintBackdrop(view);
  showNumbers(result);
}

function allowDownload() {
  at("download").disabled = current?.state !== "done" || (chosen("background") === "image" && !picture);
}

function fit(ratio) {
  at("stage").style.aspectRatio = String(ratio);
  at("stage").style.width = `min(100%, calc(74vh * ${ratio}))`;
}

function paintBackdrop(view) {
  const backdrop = at("backdrop").style;
  const kind = view === "cutout" ? chosen("background") : "transparent";
  backdrop.backgroundColor = { white: "#fff", colour: at("colour").value }[kind] ?? "transparent";
  backdrop.backgroundImage = "none";
  if (kind === "blur") backdrop.backgroundImage = `url("${current.result.urls.backdrop}")`;
  if (kind === "image" && picture) backdrop.backgroundImage = `url("${picture.url}")`;
}

function showNumbers(result) {
  const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 0.01 ? 2 : 1)} %`;
  const rows = [
    ["Photograph", `${result.width} × ${result.height}`],
    ["Car", percent(result.share)],
    ["Contested", percent(result.contested)],
    ["Took", `${result.seconds.toFixed(1)} s`],
  ];
  at("numbers").replaceChildren(...rows.flatMap(([name, value]) => [made("dt", name), made("dd", value)]));
  const members = result.members.map(({ name, agreement }) => {
    const row = document.createElement("tr");
    row.append(made("td", name), made("td", `${(100 * agreement).toFixed(2)} %`));
    return row;
  });
  at("members").tBodies[0].replaceChildren(...members);
  at("members").hidden = members.length < 2;
}

function made(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

// ---- choosing ----

function add(files) {
  for (const file of files) {
    const photo = { file, url: URL.createObjectURL(file), state: "waiting", told: "Waits for its turn", share: null, result: null };
    photo.button = document.createElement("button");
    photo.button.type = "button";
    const thumbnail = document.createElement("img");
    thumbnail.src = photo.url;
    thumbnail.alt = file.name;
    photo.button.append(thumbnail);
    photo.button.addEventListener("click", () => choose(photo));
    const item = document.createElement("li");
    item.append(photo.button);
    at("strip").append(item);
    photos.push(photo);
    tell(photo, "waiting", photo.told);
  }
  if (!files.length) return;
  document.querySelector("main").classList.add("busy");
  at("work").hidden = at("panel").hidden = false;
  at("invitation").textContent = "Add photographs";
  choose(photos[photos.length - files.length]);
  next();
}

function choose(photo) {
  current?.button.removeAttribute("aria-current");
  current = photo;
  photo.button.setAttribute("aria-current", "true");
  show();
}

async function download() {
  const photo = current;
  const kind = chosen("background");
  let blob = photo.result.blobs.cutout; // the very bytes of POST /cutout
  if (kind !== "transparent") {
    const background = kind === "colour" ? at("colour").value : kind;
    const more = kind === "image" ? { background, background_image: picture.file } : { background };
    at("download").disabled = true;
    at("download").textContent = "Making it …";
    const request = await ask("/cutout", photo, more, "blob");
    at("download").textContent = "Download PNG";
    allowDownload();
    if (request?.status !== 200) return tell(photo, "done", await reasonOf(request)); // the result of before stays
    blob = request.response;
  }
  tell(photo, "done", DONE);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `${photo.file.name.replace(/\.[^.]*$/, "")}-cutout.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function again() {
  for (const photo of photos) if (photo.state !== "working") tell(photo, "waiting", "Waits for its turn");
  next();
}

async function begin() {
  const answer = await fetch("/model");
  const model = await answer.json();
  const count = model.members.length;
  const dice = model.dice === null ? "" : `, Dice ${model.dice.toFixed(4)} on held-out photographs`;
  at("model").textContent = `${model.entry}${count > 1 ? ` of ${count} members` : ""}${dice}`;
  for (const { name, title, text } of model.steps) {
    const label = document.createElement("label");
    const box = document.createElement("input");
    Object.assign(box, { type: "checkbox", value: name });
    box.addEventListener("change", again);
    label.append(box, made("span", title), made("small", text));
    at("steps").append(label);
  }
}

at("files").addEventListener("change", (event) => {
  add([...event.target.files]);
  event.target.value = ""; // the same file may be chosen again
});
at("before").addEventListener("load", ({ target }) => fit(target.naturalWidth / target.naturalHeight));
at("split").addEventListener("input", (event) => at("stage").style.setProperty("--at", `${event.target.value}%`));
at("views").addEventListener("change", show);
at("backgrounds").addEventListener("change", (event) => {
  if (event.target.id === "colour") document.querySelector('[value="colour"]').checked = true;
  if (event.target.id === "picture") {
    const [file] = event.target.files;
    if (file) {
      if (picture) URL.revokeObjectURL(picture.url);
      picture = { file, url: URL.createObjectURL(file) };
    }
  }
  at("picture").hidden = chosen("background") !== "image";
  allowDownload();
  if (current?.state === "done") paintBackdrop(chosen("view"));
});
at("colour").addEventListener("input", () => {
  document.querySelector('[value="colour"]').checked = true;
  if (current?.state === "done") paintBackdrop(chosen("view"));
});
at("download").addEventListener("click", download);
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    at("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") add([...event.dataTransfer.files]);
  });
}
document.addEventListener("paste", (event) => add([...event.clipboardData.files]));
begin();
