"use strict";
// Chosen clips go out in one request; its answer comes in lines of JSON. To end the request is to cancel.

const at = id => document.getElementById(id);
const CONTAINER = ["video/webm;codecs=vp8,opus", "video/webm", "video/mp4"];
const chosen = []; // {name, data: Blob}
let about = null, recorder = null, recordings = 0;

const megabytes = bytes => `${(bytes / 1e6).toFixed(1)} MB`;
const made = (tag, text, className) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};
const tell = (id, text) => { at(id).textContent = text; at(id).hidden = !text; };

function choose(name, data) {
  chosen.push({ name, data });
  showChosen();
}

function showChosen() {
  at("chosen").replaceChildren(...chosen.map(file => {
    const item = made("li"), remove = made("button", "Remove");
    remove.type = "button";
    remove.setAttribute("aria-label", `Remove ${file.name}`);
    remove.onclick = () => { chosen.splice(chosen.indexOf(file), 1); showChosen(); };
    item.append(made("span", file.name), made("span", megabytes(file.data.size), "soft"), remove);
    return item;
  }));
  const size = chosen.reduce((sum, file) => sum + file.data.size, 0), { bytes, clips } = about.limits;
  let fault = size > bytes ? `${megabytes(size)} are chosen, ${megabytes(bytes)} at once are allowed.` : "";
  if (chosen.length > clips) fault = `${chosen.length} clips are chosen, ${clips} at once are allowed.`;
  tell("form-fault", fault);
  at("judge").disabled = !chosen.length || Boolean(fault);
  at("judge").textContent = chosen.length > 1 ? `Judge ${chosen.length} clips` : "Judge";
  at("person").disabled = chosen.length < about.person.fewest;
  if (at("person").disabled) at("one-person").checked = false;
  at("name-label").hidden = !at("one-person").checked;
}

async function record() {
  if (recorder) return recorder.stop();
  tell("camera-fault", "");
  if (!navigator.mediaDevices) return tell("camera-fault", "The browser gives the camera only to https and to localhost.");
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" }, audio: true });
  } catch (error) {
    return tell("camera-fault", `The camera and the microphone cannot be used: ${error.message}`);
  }
  const parts = [], begun = Date.now(), preview = at("preview");
  preview.srcObject = stream;
  preview.hidden = false;
  preview.play();
  recorder = new MediaRecorder(stream, { mimeType: CONTAINER.find(kind => MediaRecorder.isTypeSupported(kind)) });
  const tick = setInterval(() => {
    const seconds = (Date.now() - begun) / 1000;
    at("clock").textContent = `${seconds.toFixed(0)} s of at most ${about.seconds.longest}`;
    if (seconds > about.seconds.longest - 1) recorder.stop();
  }, 250);
  recorder.ondataavailable = event => parts.push(event.data);
  recorder.onstop = () => {
    clearInterval(tick);
    stream.getTracks().forEach(track => track.stop());
    preview.srcObject = null;
    preview.hidden = true;
    at("clock").textContent = "";
    at("record").textContent = "Record with the camera";
    at("record").classList.remove("recording");
    choose(`recording ${++recordings}`, new Blob(parts, { type: recorder.mimeType }));
    recorder = null;
  };
  recorder.start();
  at("record").textContent = "Stop recording";
  at("record").classList.add("recording");
}

function judge() {
  const clips = chosen.splice(0), form = new FormData();
  if (at("one-person").checked) {
    form.append("person", at("name").value.trim() || "this person");
    form.append("schedule", about.person.schedule);
  }
  for (const clip of clips) form.append("clip", clip.data, "clip"); // its own name stays here
  showChosen();
  const job = at("job-template").content.firstElementChild.cloneNode(true);
  const state = job.querySelector(".state"), cancel = job.querySelector("button"), request = new XMLHttpRequest();
  const end = text => { state.textContent = text; cancel.remove(); };
  job.querySelector("h3").textContent = clips.length > 1 ? `${clips.length} clips` : clips[0].name;
  at("none").hidden = true;
  at("answers").prepend(job);
  cancel.onclick = () => request.abort();
  request.upload.onprogress = event => { state.textContent = `Sent ${megabytes(event.loaded)} of ${megabytes(event.total)}`; };
  request.onprogress = () => request.status === 200 && showState(lastLine(request.responseText), state, clips.length);
  request.onabort = () => end("Cancelled. Its files are deleted.");
  request.onerror = () => end("No answer: the connection to the page's program was lost.");
  request.onload = () => {
    const said = lastLine(request.responseText);
    if (!said || said.state !== "done") return end(`No answer: ${said?.fault ?? "the program ended"}`);
    end(`Done. Files are deleted.`);
    job.querySelector(".notes").replaceChildren(...said.notes.map(text => made("p", text, "soft")));
    job.querySelector(".clips").replaceChildren(...said.clips.map((answered, k) => clipOf(answered, clips[k].name)));
  };
  state.textContent = "Sending ...";
  request.open("POST", "predict");
  request.send(form);
}

function lastLine(text) {
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).trim() || text.trim();
  try { return JSON.parse(lines.slice(lines.lastIndexOf("\n") + 1)); } catch { return null; }
}

function showState(said, place, clips) {
  if (said?.state === "waiting") place.textContent = `Waiting: ${said.ahead} before it.`;
  if (said?.state === "running") {
    const whole = Math.ceil(clips * about.seconds.clip);
    place.textContent = `Judging for ${said.seconds} s${whole > 5 ? `, of about ${whole} s on one core` : ""} ...`;
  }
}

function clipOf(said, name) {
  const clip = at("clip-template").content.firstElementChild.cloneNode(true), part = selector => clip.querySelector(selector);
  part("h4").textContent = said.seconds === null ? name : `${name}, ${said.seconds.toFixed(1)} s`;
  if (said.fault) {
    part(".fault").textContent = `No answer: ${said.fault}`;
    part(".fault").hidden = false;
    part(".found").remove();
    return clip;
  }
  part(".pictures").replaceChildren(...said.pictures.map((data, k) => {
    const picture = made("img");
    picture.src = `data:image/jpeg;base64,${data}`;
    picture.alt = `Face crop ${k + 1} of ${said.pictures.length}`;
    return picture;
  }));
  showAnswer(part(".said"), said.answer);
  if (said.corrected) {
    part(".corrected").hidden = false;
    showAnswer(part(".corrected"), said.corrected);
  }
  const answered = new Set(said.answer.emotions.map(shown => shown.emotion));
  part(".bars").replaceChildren(...Object.entries(said.probabilities).flatMap(([emotion, share]) => {
    const bar = made("div", undefined, answered.has(emotion) ? "bar in-answer" : "bar"), cell = made("dd");
    bar.style.width = `${100 * share}%`;
    cell.append(bar);
    return [made("dt", about.emotions[emotion]), cell, made("dd", share.toFixed(2))];
  }));
  part(".why").textContent = said.answer.why;
  part(".remarks").replaceChildren(...said.remarks.map(text => made("li", text)));
  part("table").replaceChildren(...encoderRows(said.encoders));
  return clip;
}

function showAnswer(place, said) {
  place.querySelector(".answer").textContent = said.text;
  place.querySelector(".chances").textContent = `${said.chances[0].toUpperCase()}${said.chances.slice(1)}.`;
}

function encoderRows(encoders) {
  const head = made("tr"), names = Object.keys(about.emotions);
  head.append(made("th", "encoder"), ...names.map(name => made("th", about.emotions[name])));
  return [head, ...Object.entries(encoders).map(([name, shares]) => {
    const row = made("tr");
    row.append(made("th", name));
    if (!shares) {
      const cell = made("td", "could not judge this clip");
      cell.colSpan = names.length;
      row.append(cell);
      return row;
    }
    const most = Math.max(...Object.values(shares));
    row.append(...names.map(name => made("td", shares[name].toFixed(2), shares[name] === most ? "most" : "")));
    return row;
  })];
}

async function start() {
  about = await (await fetch("about")).json();
  const { clips, persons } = about.learned_from, left = Object.keys(about.left_out);
  const without = left.length ? ` Left out: ${left.join(", ")}.` : "";
  const made = about.dataset === "demo" ? " The persons are generated: about real ones it says nothing." : "";
  at("study").textContent = `Learned from ${clips} clips of ${persons} persons (data set ${about.dataset}), ${about.encoders.length} encoders.${without}${made}`;
  at("score").textContent = `Of clips of persons whom its models had not seen, ${(100 * about.right).toFixed(0)} % got exactly the right emotions.`;
  at("fewest").textContent = about.person.fewest;
  at("files").onchange = event => {
    for (const file of event.target.files) choose(file.name, file);
    event.target.value = "";
  };
  at("drop").ondragover = event => { event.preventDefault(); at("drop").classList.add("over"); };
  at("drop").ondragleave = () => at("drop").classList.remove("over");
  at("drop").ondrop = event => {
    event.preventDefault();
    at("drop").classList.remove("over");
    for (const file of event.dataTransfer.files) choose(file.name, file);
  };
  at("record").onclick = record;
  at("judge").onclick = judge;
  at("one-person").onchange = showChosen;
  showChosen();
}

start().catch(error => { at("study").textContent = `The page's program does not answer: ${error.message}`; });
