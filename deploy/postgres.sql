CREATE DATABASE labelstudio OWNER defectory;
