// "Someone new": a photo from a file or the camera becomes an avatar.

import * as api from "./api.js";
import { $, el } from "./dom.js";
import { keep } from "./keys.js";
import { closeOnBackdrop } from "./settings.js";
import { NAME_KEY } from "./together.js";

const SIDE_MAX = 2400;

export class CreateDialog {
  constructor(onCreated) {
    this.onCreated = onCreated;
    this.photo = null;
    this.busy = false;
    $("choose").onclick = () => $("file").click();
    $("file").onchange = () => this.#take($("file").files[0]);
    $("camera").onclick = () => this.#openCamera();
    $("snap").onclick = () => this.#snap();
    $("create-again").onclick = () => this.#reset();
    $("create-name").oninput = () => this.#update();
    $("create-close").onclick = () => this.close();
    $("create").addEventListener("cancel", (event) => this.busy ? event.preventDefault() : this.close());
    closeOnBackdrop($("create"), () => this.close());
    $("create-form").onsubmit = (event) => {
      event.preventDefault();
      this.#create();
    };
    this.#acceptDrops();
  }

  open() {
    this.#reset();
    $("create-name").value = "";
    $("create").showModal();
  }

  close() {
    if (this.busy) return;
    this.#stopCamera();
    $("create").close();
  }

  #reset() {
    this.#stopCamera();
    this.photo = null;
    $("file").value = "";
    this.#show("drop-empty");
    this.#fail(null);
    this.#update();
  }

  #show(...ids) {
    for (const id of ["drop-empty", "photo", "viewfinder", "making"]) $(id).hidden = !ids.includes(id);
    $("create-progress").hidden = !ids.includes("making");
  }

  #update() {
    $("create-go").disabled = this.busy || !this.photo || !$("create-name").value.trim();
    $("create-go").textContent = this.busy ? "Working…" : "Create";
    $("create-again").hidden = this.busy || !this.photo;
    $("create-name").disabled = this.busy;
    $("create-close").disabled = this.busy;
  }

  #fail(message) {
    $("create-error").hidden = !message;
    $("create-error").textContent = message ?? "";
  }

  #acceptDrops() {
    const drop = $("drop");
    const over = (on) => (event) => {
      event.preventDefault();
      drop.classList.toggle("over", on && !this.busy);
    };
    drop.addEventListener("dragover", over(true));
    drop.addEventListener("dragleave", over(false));
    drop.addEventListener("drop", (event) => {
      over(false)(event);
      if (!this.busy) this.#take(event.dataTransfer.files[0]);
    });
  }

  /** Take a picture file; very large ones are made smaller here, upright as their camera meant them. */
  async #take(file) {
    if (!file) return;
    this.#fail(null);
    try {
      const bitmap = await createImageBitmap(file);
      const scale = Math.min(1, SIDE_MAX / Math.max(bitmap.width, bitmap.height));
      this.photo = scale < 1 ? await toJpeg(bitmap, bitmap.width * scale, bitmap.height * scale) : file;
      bitmap.close();
    } catch {
      this.#fail("This file is no picture the browser can read. JPEG, PNG and WebP work.");
      return;
    }
    this.#showPhoto();
    if (!$("create-name").value) $("create-name").focus();
  }

  #showPhoto() {
    URL.revokeObjectURL($("photo").src);
    $("photo").src = URL.createObjectURL(this.photo);
    this.#show("photo");
    this.#update();
  }

  async #openCamera() {
    this.#fail(null);
    try {
      this.camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } } });
    } catch (error) {
      const blocked = error.name === "NotAllowedError" || error instanceof TypeError;
      this.#fail(blocked ? "The camera is blocked for this page. A photo works as well." : "No camera was found. A photo works as well.");
      return;
    }
    $("camera-view").srcObject = this.camera;
    this.#show("viewfinder");
    await $("camera-view").play();
    $("snap").focus();
  }

  async #snap() {
    const view = $("camera-view");
    const side = Math.min(view.videoWidth, view.videoHeight);
    this.photo = await toJpeg(view, side, side, (view.videoWidth - side) / 2, (view.videoHeight - side) / 2, side);
    this.#stopCamera();
    this.#showPhoto();
    $("create-name").focus();
  }

  #stopCamera() {
    this.camera?.getTracks().forEach((track) => track.stop());
    this.camera = null;
    $("camera-view").srcObject = null;
  }

  async #create() {
    if (this.busy || !this.photo) return;
    const title = $("create-name").value.trim();
    this.busy = true;
    this.#fail(null);
    this.#update();
    this.#show("photo", "making");
    this.#progress("Sending the photo", 0);
    try {
      const maker = localStorage.getItem(NAME_KEY) ?? "";
      const { name, key } = await api.createAvatar(title, this.photo, maker, (stage, fraction) => this.#progress(stage, fraction));
      keep(name, key);
      this.busy = false;
      this.close();
      this.onCreated(name);
    } catch (error) {
      this.busy = false;
      this.#show("photo");
      this.#fail(error.message);
    }
    this.#update();
  }

  #progress(stage, fraction) {
    const percent = Math.round(100 * fraction);
    $("create-stage").textContent = stage;
    $("create-percent").textContent = `${percent} %`;
    $("create-bar").style.transform = `scaleX(${fraction})`;
    $("create-bar").setAttribute("aria-valuenow", percent);
  }
}

function toJpeg(source, width, height, x = 0, y = 0, side = null) {
  const canvas = el("canvas", { width: Math.round(width), height: Math.round(height) });
  const context = canvas.getContext("2d");
  if (side) context.drawImage(source, x, y, side, side, 0, 0, canvas.width, canvas.height);
  else context.drawImage(source, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.93));
}
