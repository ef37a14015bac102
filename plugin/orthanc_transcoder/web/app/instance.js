// The report of one instance.

import { ORTHANC, TRANSCODER, ApiError, asked, getIfThere, getJson, isId } from './api.js';
import { checkAgain } from './check-again.js';
import { h } from './dom.js';
import { dicomDate, personName } from './format.js';
import * as sections from './instance-sections.js';
import { explorer, failure, notAsked, printButton, reportPage, verdictChip } from './parts.js';

const place = document.getElementById('report');
const wanted = asked('instance');
const check = wanted && checkAgain('instances', wanted.id, start);

/** The instance and what it belongs to, as far as Orthanc tells. */
async function relatives(id) {
  const found = { instance: await getIfThere(`${ORTHANC}instances/${id}`) || {} };
  const parents = [['series', 'ParentSeries', 'instance'], ['study', 'ParentStudy', 'series']];
  for (const [name, key, child] of parents) {
    const parent = found[child][key];
    const level = name === 'study' ? 'studies' : name;
    found[name] = isId(parent) ? await getIfThere(`${ORTHANC}${level}/${parent}`) || {} : {};
  }
  return found;
}

async function load() {
  const [report, family, checks] = await Promise.all([
    getJson(address('')), relatives(wanted.id), getIfThere('checks.json'),
  ]);
  draw(report, family, checks || {});
  document.body.classList.add('ready');
}

async function start() {
  if (!wanted || wanted.level !== 'instances') {
    place.replaceChildren(notAsked());
    return;
  }
  try {
    await load();
  } catch (error) {
    if (!(error instanceof ApiError)) {
      throw error;
    }
    place.replaceChildren(failure(error));
  }
}

function address(query) {
  return `${TRANSCODER}instances/${wanted.id}/report${query}`;
}

function draw(report, family, checks) {
  const number = family.instance.MainDicomTags?.InstanceNumber;
  const title = number ? `Instance ${number}` : 'Instance';
  document.title = `${title}: quality report`;
  place.replaceChildren(
    crumbs(family), heading(report, title),
    h('div', { class: 'board' },
      section('two-thirds', sections.findings(report, checks)),
      section('third', sections.preview(report, wanted.id)),
      section('whole', sections.received(report, checks)),
      section('whole', sections.transcoding(report)),
      section('whole', sections.evidence(report)),
      section('whole', sections.curves(report)),
      section('third', sections.facts(report)),
      section('two-thirds', sections.details(report))));
}

function section(size, content) {
  return content ? h('section', { class: `panel ${size}` }, content) : null;
}

function crumbs(family) {
  const study = family.study;
  const series = family.series;
  const name = personName(study.PatientMainDicomTags?.PatientName) || 'No name';
  return h('nav', { class: 'crumbs', 'aria-label': 'Where this instance belongs' }, h('ol', {},
    isId(study.ParentPatient) ? h('li', {}, h('a', { href: reportPage('patients', study.ParentPatient) }, name)) : null,
    isId(study.ID) ? h('li', {}, h('a', { href: reportPage('studies', study.ID) }, called('Study', [
      study.MainDicomTags?.StudyDescription, dicomDate(study.MainDicomTags?.StudyDate)]))) : null,
    isId(series.ID) ? h('li', {}, h('a', { href: reportPage('series', series.ID) }, called('Series', [
      series.MainDicomTags?.SeriesNumber, series.MainDicomTags?.Modality,
      series.MainDicomTags?.SeriesDescription]))) : null));
}

function called(what, parts) {
  const known = parts.filter(Boolean);
  return known.length ? known.join(' · ') : what;
}

function heading(report, title) {
  return h('div', { class: 'title' },
    h('div', { class: 'names' }, h('h1', {}, title, ' ', verdictChip(report.verdict)),
      h('p', { class: 'muted' }, sections.summary(report))),
    h('p', { class: 'downloads' },
      check, printButton(),
      h('a', { href: address('?format=csv'), download: `report-${wanted.id}.csv` }, 'CSV'),
      h('a', { href: address(''), target: '_blank', rel: 'noopener' }, 'JSON'),
      h('a', { href: explorer('instances', wanted.id) }, 'Orthanc Explorer')));
}

start();
